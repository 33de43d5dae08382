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
  description: 'Kind of layer, by what it computes.',
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
    index: t.exposeInt('index', { description: 'Place among the layers, from 0.' }),
    name: t.exposeString('name', {
      description: "Its name in torchvision's files where it has one: features.0.",
    }),
    kind: t.expose('kind', { type: LayerKind, description: 'Kind of layer.' }),
    kernelSize: t.exposeIntList('kernelSize', {
      nullable: true,
      description: 'Size of the window, [height, width]; null for a layer without one.',
    }),
    strides: t.exposeIntList('strides', {
      nullable: true,
      description: 'Steps of the window in pixels, [height, width]; null for a layer without one.',
    }),
    units: t.exposeInt('units', {
      nullable: true,
      description: 'Filters of a convolution, outputs of a dense layer; null for other layers.',
    }),
    outputShape: t.exposeIntList('outputShape', {
      description: 'Shape of the result for one image: [height, width, channels] or [units].',
    }),
    parameterCount: t.exposeInt('parameterCount', { description: 'Number of trainable parameters.' }),
    multiplyAdds: t.exposeFloat('multiplyAdds', { description: 'Multiply-adds for one image, forward.' }),
    receptiveField: t.exposeInt('receptiveField', {
      nullable: true,
      description:
        'Edge in pixels of the square of the input that one output cell depends on; null where the cells see no common square.',
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
    title: t.exposeString('title', { description: 'Title for people.' }),
    origin: t.expose('origin', { type: Origin, description: 'Origin of the network.' }),
    configuration: t.exposeString('configuration', {
      nullable: true,
      description:
        'Letter of the network in the paper: A, A-LRN, B, C, D or E. Null for one that the paper does not have.',
    }),
    features: t.string({
      description: 'The convolutional part as a list: widths, M for a max-pool, 256x1 for a 1x1 convolution.',
      resolve: ({ features }) => formatFeatures(features),
    }),
    batchNorm: t.exposeBoolean('batchNorm', { description: 'Whether each convolution has a batch norm.' }),
    inputShape: t.intList({
      description: 'Shape of the input: [height, width, channels].',
      resolve: ({ inputShape }) => [...inputShape],
    }),
    classes: t.exposeInt('classes', {
      description: 'Number of classes, which are the outputs of the network.',
    }),
    weightLayers: t.int({
      description: 'Number of convolutions and dense layers: the 16 of VGG-16.',
      resolve: (architecture) => analysisOf(architecture).weightLayers,
    }),
    parameterCount: t.int({
      description: 'Number of trainable parameters.',
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
      authScopes: { role: 'VIEWER' },
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
    authScopes: { role: 'VIEWER' },
    nullable: true,
    description: 'A network by its name; null when there is none.',
    args: { name: t.arg.string({ required: true, description: 'Name of the network, such as vgg_mini.' }) },
    resolve: (_root, { name }, { architectures }) => architectures.find(name) ?? null,
  }),
}))
