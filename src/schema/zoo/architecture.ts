import { type Analysis, analyze, type LayerInfo } from '../../zoo/analysis.ts'
import type { ARCHITECTURE_ORIGINS, Architecture } from '../../zoo/architecture.ts'
import { formatFeatures } from '../../zoo/features.ts'
import { type KindName, LAYER_KINDS } from '../../zoo/layers/kinds.ts'
import { builder } from '../builder/builder.ts'
import { connectionOf, pageOf } from '../builder/connection.ts'
import { described } from '../builder/described.ts'

const Origin = builder.enumType('ArchitectureOrigin', {
  description:
    'Where a network comes from: the paper, torchvision, the lecture, its customary form for CIFAR, or a person.',
  values: described<(typeof ARCHITECTURE_ORIGINS)[number]>({
    PAPER: 'Simonyan and Zisserman, 2014: the networks A to E.',
    TORCHVISION: 'The variants with batch norm, as torchvision has them.',
    LECTURE: 'The lecture on VGG for CIFAR-10.',
    CIFAR: 'A form of VGG that is customary for CIFAR-10.',
    CUSTOM: 'Made by a person, with createArchitecture.',
  }),
})

const LayerKind = builder.enumType('LayerKind', {
  description: 'What a layer does.',
  // What no list can ask for yet is in no network that is shown.
  values: Object.fromEntries(
    LAYER_KINDS.filter(({ notation }) => notation === null || !notation.internal).map(
      ({ name, title, description }) => [name, { description: `${title}. ${description}` }],
    ),
  ) as Record<KindName, { description: string }>,
})

/** Analyses are pure, and one query asks for several fields of one: each is made once. */
const analyses = new WeakMap<Architecture, Analysis>()
function analysisOf(architecture: Architecture): Analysis {
  const known = analyses.get(architecture)
  if (known !== undefined) return known
  const analysis = analyze(architecture)
  analyses.set(architecture, analysis)
  return analysis
}

const Layer = builder.objectRef<LayerInfo>('Layer').implement({
  description: 'One layer of a network, in the order of computing.',
  fields: (t) => ({
    index: t.exposeInt('index', { description: 'Its place, from 0.' }),
    name: t.exposeString('name', {
      description: "Its name in torchvision's files where it has one: features.0.",
    }),
    kind: t.expose('kind', { type: LayerKind, description: 'What it does.' }),
    kernelSize: t.exposeIntList('kernelSize', {
      nullable: true,
      description: '[height, width] of its window.',
    }),
    strides: t.exposeIntList('strides', { nullable: true, description: '[height, width] of its steps.' }),
    units: t.exposeInt('units', {
      nullable: true,
      description: 'Filters of a convolution, outputs of a dense layer.',
    }),
    outputShape: t.exposeIntList('outputShape', { description: '[height, width, channels] or [units].' }),
    parameterCount: t.exposeInt('parameterCount', { description: 'Trainable parameters.' }),
    multiplyAdds: t.exposeFloat('multiplyAdds', { description: 'Multiply-adds for one image, forward.' }),
    receptiveField: t.exposeInt('receptiveField', {
      nullable: true,
      description: 'Pixels of the input, along one edge, that one output cell depends on.',
    }),
  }),
})

export const ArchitectureRef = builder.objectRef<Architecture>('Architecture')

builder.node(ArchitectureRef, {
  description: 'A network of the VGG family.',
  id: { resolve: (architecture) => architecture.name },
  loadOne: (name, { architectures }) => architectures.find(name) ?? null,
  fields: (t) => ({
    name: t.exposeString('name', {
      description: 'The name to use in inputs: vgg16, lecture_vgg16, vgg_mini.',
    }),
    title: t.exposeString('title', { description: 'The name for people.' }),
    origin: t.expose('origin', { type: Origin, description: 'Where it comes from.' }),
    configuration: t.exposeString('configuration', {
      nullable: true,
      description: "The paper's letter: A, A-LRN, B, C, D or E.",
    }),
    features: t.string({
      description: 'The convolutional part as a list: widths, M for a max-pool, 256x1 for a 1x1 convolution.',
      resolve: ({ features }) => formatFeatures(features),
    }),
    batchNorm: t.exposeBoolean('batchNorm', { description: 'Whether each convolution has a batch norm.' }),
    inputShape: t.intList({
      description: '[height, width, channels].',
      resolve: ({ inputShape }) => [...inputShape],
    }),
    classes: t.exposeInt('classes', { description: 'Outputs of the network.' }),
    weightLayers: t.int({
      description: 'Convolutions and dense layers: the number in the name.',
      resolve: (architecture) => analysisOf(architecture).weightLayers,
    }),
    parameterCount: t.int({
      description: 'Trainable parameters.',
      resolve: (architecture) => analysisOf(architecture).parameterCount,
    }),
    multiplyAdds: t.float({
      description: 'Multiply-adds for one image, forward.',
      resolve: (architecture) => analysisOf(architecture).multiplyAdds,
    }),
    layers: t.field({
      type: [Layer],
      description: 'Every layer with its shape and costs.',
      resolve: (architecture) => analysisOf(architecture).layers,
    }),
  }),
})

builder.queryFields((t) => ({
  architectures: t.connection(
    {
      type: ArchitectureRef,
      description: 'The networks of the zoo: the built-in ones, then those that were created, oldest first.',
      args: { origin: t.arg({ type: Origin, description: 'Only those of this origin.' }) },
      resolve: (_root, { origin, ...args }, { architectures }, info) => {
        const chosen = architectures.list(origin ?? undefined)
        const keyOf = ({ name }: Architecture) => architectures.placeOf(name)
        const within = ({ gt = -Infinity, lt = Infinity }) =>
          chosen.filter((it) => keyOf(it) > gt && keyOf(it) < lt)
        return pageOf<Architecture>(
          { args, info },
          {
            order: 'asc',
            keyOf,
            read: async (range, order, take) =>
              (order === 'asc' ? within(range) : within(range).reverse()).slice(0, take),
            has: async (range) => within(range).length > 0,
            count: () => chosen.length,
          },
        )
      },
    },
    connectionOf(ArchitectureRef, 'Architecture'),
  ),
  architecture: t.field({
    type: ArchitectureRef,
    nullable: true,
    description: 'A network by its name; null when there is none.',
    args: { name: t.arg.string({ required: true, description: 'Such as vgg_mini.' }) },
    resolve: (_root, { name }, { architectures }) => architectures.find(name) ?? null,
  }),
}))
