import type { Architecture, Head } from './architecture.ts'
import { parseFeatures } from './features.ts'

/** The feature lists, by the paper's letters and the lecture's names. */
const LISTS = {
  A: '64,M,128,M,256,256,M,512,512,M,512,512,M',
  'A-LRN': '64:lrn,M,128,M,256,256,M,512,512,M,512,512,M',
  B: '64,64,M,128,128,M,256,256,M,512,512,M,512,512,M',
  C: '64,64,M,128,128,M,256,256,256x1,M,512,512,512x1,M,512,512,512x1,M',
  D: '64,64,M,128,128,M,256,256,256,M,512,512,512,M,512,512,512,M',
  E: '64,64,M,128,128,M,256,256,256,256,M,512,512,512,512,M,512,512,512,512,M',
  lecture: '32,32,M,64,64,128,128,128,M,256,256,256,512,512,512,M',
  custom: '64,64,64,M,128,128,128,M,256,256,256,M',
  mini: '32,32,M,64,64,M,128,128,M',
}

const IMAGENET_HEAD: Head = { kind: 'pooled', size: 7, hidden: [4096, 4096], dropout: 0.5 }
const LECTURE_HEAD: Head = { kind: 'flat', hidden: [4096, 4096], dropout: 0.5 }
const CIFAR_HEAD: Head = { kind: 'flat', hidden: [], dropout: 0 }

function imagenet(list: keyof typeof LISTS) {
  return {
    configuration: list,
    features: parseFeatures(LISTS[list]),
    inputShape: [224, 224, 3],
    classes: 1000,
    head: IMAGENET_HEAD,
  } satisfies Partial<Architecture>
}

function cifar(list: keyof typeof LISTS, head: Head) {
  return {
    configuration: null,
    features: parseFeatures(LISTS[list]),
    inputShape: [32, 32, 3],
    classes: 10,
    head,
  } satisfies Partial<Architecture>
}

const PAPER = { origin: 'PAPER', batchNorm: false } as const
const TORCHVISION = { origin: 'TORCHVISION', batchNorm: true } as const
const LECTURE = { origin: 'LECTURE', batchNorm: false } as const
const CIFAR = { origin: 'CIFAR', batchNorm: true } as const

/** Every network the zoo knows from the start: the paper's, torchvision's, the lecture's and those for CIFAR. */
export const architectures: readonly Architecture[] = [
  { name: 'vgg11', title: 'VGG-11 (configuration A)', ...PAPER, ...imagenet('A') },
  {
    name: 'vgg11_lrn',
    title: 'VGG-11 with local response normalisation (configuration A-LRN)',
    ...PAPER,
    ...imagenet('A-LRN'),
  },
  { name: 'vgg13', title: 'VGG-13 (configuration B)', ...PAPER, ...imagenet('B') },
  { name: 'vgg16_c', title: 'VGG-16 with 1x1 convolutions (configuration C)', ...PAPER, ...imagenet('C') },
  { name: 'vgg16', title: 'VGG-16 (configuration D)', ...PAPER, ...imagenet('D') },
  { name: 'vgg19', title: 'VGG-19 (configuration E)', ...PAPER, ...imagenet('E') },

  // The paper has no batch norm: the letter names the list they are built on, so it stays null.
  {
    name: 'vgg11_bn',
    title: 'VGG-11 with batch norm',
    ...TORCHVISION,
    ...imagenet('A'),
    configuration: null,
  },
  {
    name: 'vgg13_bn',
    title: 'VGG-13 with batch norm',
    ...TORCHVISION,
    ...imagenet('B'),
    configuration: null,
  },
  {
    name: 'vgg16_bn',
    title: 'VGG-16 with batch norm',
    ...TORCHVISION,
    ...imagenet('D'),
    configuration: null,
  },
  {
    name: 'vgg19_bn',
    title: 'VGG-19 with batch norm',
    ...TORCHVISION,
    ...imagenet('E'),
    configuration: null,
  },

  { name: 'lecture_vgg16', title: "The lecture's VGG-16", ...LECTURE, ...cifar('lecture', LECTURE_HEAD) },
  // The lecture names this list and never trains it. It gets the conventions of lecture_vgg16: no average
  // pool, flatten (256*4*4 values) -> 4096 -> 4096 -> 10, ReLU, dropout 0.5.
  {
    name: 'lecture_custom',
    title: "The lecture's custom list",
    ...LECTURE,
    ...cifar('custom', LECTURE_HEAD),
  },

  { name: 'vgg11_cifar', title: 'VGG-11 for CIFAR', ...CIFAR, ...cifar('A', CIFAR_HEAD) },
  { name: 'vgg13_cifar', title: 'VGG-13 for CIFAR', ...CIFAR, ...cifar('B', CIFAR_HEAD) },
  { name: 'vgg16_cifar', title: 'VGG-16 for CIFAR', ...CIFAR, ...cifar('D', CIFAR_HEAD) },
  { name: 'vgg19_cifar', title: 'VGG-19 for CIFAR', ...CIFAR, ...cifar('E', CIFAR_HEAD) },
  {
    name: 'vgg_mini',
    title: 'A small VGG that learns CIFAR in minutes',
    ...CIFAR,
    ...cifar('mini', { kind: 'flat', hidden: [128], dropout: 0 }),
  },
]

const byName = new Map(architectures.map((architecture) => [architecture.name, architecture]))

/** The built-in network of this name, or undefined. */
export function findArchitecture(name: string): Architecture | undefined {
  return byName.get(name)
}
