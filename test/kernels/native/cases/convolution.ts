import { backend_util, util } from '@tensorflow/tfjs'
import { seededRandom } from '../../../support/random.ts'
import { values } from '../support.ts'
import { type Case, type Cases, TOLERANCE, WINOGRAD_TOLERANCE } from './case.ts'

type Pair = [number, number]

export interface Convolution {
  images: [batch: number, height: number, width: number]
  kernel: Pair
  channels: Pair
  strides?: Pair
  pad?: 'same' | 'valid' | number | backend_util.ExplicitPadding
  dimRoundingMode?: 'floor' | 'round' | 'ceil'
  winograd?: boolean
}

/** What VGG is made of, and its borders: more than eight tiles of 4x4, images that end within a tile, several blocks of tiles and channels. */
const WINOGRAD: Convolution[] = [
  { images: [3, 8, 8], kernel: [3, 3], channels: [32, 32] },
  { images: [2, 12, 8], kernel: [3, 3], channels: [32, 64] },
  { images: [3, 7, 7], kernel: [3, 3], channels: [64, 32] },
  { images: [2, 7, 11], kernel: [3, 3], channels: [48, 32] },
  { images: [2, 9, 14], kernel: [3, 3], channels: [32, 48], pad: 'valid' },
  { images: [3, 8, 8], kernel: [3, 3], channels: [32, 80], pad: 2 },
  {
    images: [3, 8, 7],
    kernel: [3, 3],
    channels: [48, 48],
    pad: [
      [0, 0],
      [1, 2],
      [0, 2],
      [0, 0],
    ],
  },
  // Filters whose transforms do not fit the second-level cache, nor the third.
  { images: [3, 7, 7], kernel: [3, 3], channels: [96, 48] },
  { images: [9, 4, 4], kernel: [3, 3], channels: [160, 160] },
].map((it) => ({ ...it, winograd: true }) as Convolution)

const CHOSEN: Convolution[] = [
  // The first layer of a network, and a patch embedding.
  { images: [2, 16, 16], kernel: [3, 3], channels: [3, 32] },
  { images: [1, 16, 16], kernel: [4, 4], channels: [3, 20], strides: [4, 4], pad: 'valid' },
  // Winograd's filter with too few channels, or a number of them that is no multiple of any vector.
  { images: [2, 8, 8], kernel: [3, 3], channels: [33, 37] },
  { images: [2, 5, 5], kernel: [3, 3], channels: [16, 40] },
  { images: [9, 2, 2], kernel: [3, 3], channels: [8, 8] },
  // Winograd's shape, but a handful of tiles; most of each tile would be computed in vain; a step of two.
  { images: [2, 5, 1], kernel: [3, 3], channels: [32, 32] },
  { images: [1, 9, 9], kernel: [3, 3], channels: [32, 32], strides: [2, 2] },
  // Filters of one pixel are read where they lie.
  { images: [3, 10, 10], kernel: [1, 1], channels: [9, 13] },
  { images: [2, 9, 7], kernel: [1, 1], channels: [5, 18], strides: [2, 3] },
  { images: [2, 4, 4], kernel: [1, 1], channels: [5, 6], pad: 1 },
  // More pixels than a band, more weights than a block.
  { images: [1, 20, 23], kernel: [5, 3], channels: [17, 6] },
  // The whole image is one window; nothing but padding is seen by some.
  { images: [4, 6, 6], kernel: [6, 6], channels: [3, 35], pad: 'valid' },
  { images: [1, 3, 3], kernel: [2, 2], channels: [2, 3], pad: 3 },
  {
    images: [1, 5, 6],
    kernel: [3, 2],
    channels: [4, 4],
    pad: [
      [0, 0],
      [2, 0],
      [0, 1],
      [0, 0],
    ],
  },
  {
    images: [1, 8, 8],
    kernel: [3, 3],
    channels: [3, 5],
    strides: [2, 2],
    pad: [
      [0, 0],
      [0, 1],
      [1, 2],
      [0, 0],
    ],
  },
]

const ROUNDED = (['floor', 'round', 'ceil'] as const).flatMap((dimRoundingMode): Convolution[] => [
  { images: [2, 8, 7], kernel: [3, 3], channels: [5, 4], strides: [2, 3], pad: 1, dimRoundingMode },
  { images: [1, 9, 6], kernel: [2, 4], channels: [3, 17], strides: [4, 4], pad: 0, dimRoundingMode },
])

const random = seededRandom(2026)
const upTo = (n: number) => 1 + Math.floor(random() * n)
const DRAWN = Array.from({ length: 30 }, (): Convolution => {
  const kernel: Pair = [upTo(5), upTo(5)]
  return {
    images: [upTo(4), kernel[0] + upTo(9), kernel[1] + upTo(9)],
    kernel,
    channels: [upTo(20), upTo(40)],
    strides: [upTo(3), upTo(3)],
    pad: (['same', 'valid', upTo(3) - 1] as const)[upTo(3) - 1],
  }
})

export const CONVOLUTIONS = [...WINOGRAD, ...CHOSEN, ...ROUNDED, ...DRAWN]

const nameOf = ({ images, kernel, channels, strides = [1, 1], pad = 'same', dimRoundingMode }: Convolution) =>
  `${images.join('x')}, ${kernel.join('x')} from ${channels.join(' to ')} channels, ` +
  `strides ${strides.join()}, pad ${JSON.stringify(pad)} ${dimRoundingMode ?? ''}`

/** The inputs and attributes of the convolution and of both its gradients. */
export function partsOf(it: Convolution, seed: number) {
  const { images, kernel, channels, strides = [1, 1], pad = 'same', dimRoundingMode } = it
  const [x, filter] = [values([...images, channels[0]], seed), values([...kernel, ...channels], seed + 1)]
  const { outShape } = backend_util.computeConv2DInfo(
    x.shape as [number, number, number, number],
    filter.shape as [number, number, number, number],
    strides,
    1,
    pad,
    dimRoundingMode,
  )
  const attrs = { strides, pad, dataFormat: 'NHWC', dimRoundingMode: dimRoundingMode as string, dilations: 1 }
  return { x, filter, bias: values([channels[1]], seed + 2), dy: values(outShape, seed + 3), attrs }
}

/** A padding of the filter's size or more turns into a cut for the gradient of the images. */
const cutsBack = ({ kernel, pad = 'same' }: Convolution) =>
  typeof pad === 'number' && pad >= Math.min(...kernel)

const cases = (of: (parts: ReturnType<typeof partsOf>, it: Convolution, at: number) => Partial<Case>) =>
  CONVOLUTIONS.map((it, at): Case => {
    const { winograd = false } = it
    const tolerance = winograd ? WINOGRAD_TOLERANCE : TOLERANCE
    const parts = partsOf(it, 10 * at)
    return { name: nameOf(it), inputs: {}, winograd, tolerance, native: true, ...of(parts, it, at) }
  })

/** What only the cpu backend does. */
const OTHERS: Case[] = [
  { ...partsOf({ images: [2, 9, 9], kernel: [3, 3], channels: [4, 5] }, 1), attrs: { dilations: [2, 2] } },
  { ...partsOf({ images: [2, 6, 6], kernel: [3, 3], channels: [6, 6] }, 2), attrs: { dataFormat: 'NCHW' } },
].map(({ x, filter, attrs }) => ({
  name: JSON.stringify(attrs),
  inputs: { x, filter },
  attrs: { strides: [1, 1], pad: 'valid', dataFormat: 'NHWC', dilations: 1, ...attrs },
  tolerance: 0,
  native: false,
}))

const activated = (activation: string, withBias: boolean, native: boolean): Case => {
  const { x, filter, bias, attrs } = partsOf({ images: [2, 6, 6], kernel: [3, 3], channels: [3, 7] }, 3)
  return {
    name: `${activation}${withBias ? ' with bias' : ''}`,
    inputs: { x, filter, ...(withBias ? { bias } : {}) },
    attrs: { ...attrs, activation, leakyreluAlpha: 0.2 },
    tolerance: TOLERANCE,
    native,
  }
}

const ACTIVATED = [
  ...['linear', 'relu'].flatMap((name) => [activated(name, true, true), activated(name, false, true)]),
  ...['relu6', 'elu', 'sigmoid', 'leakyrelu'].map((name) => activated(name, true, false)),
]

export const CONVOLUTION_CASES: Cases = {
  Conv2D: [...cases(({ x, filter, attrs }) => ({ inputs: { x, filter }, attrs })), ...OTHERS],
  FusedConv2D: [
    ...cases(({ x, filter, bias, attrs }, _it, at) => ({
      inputs: { x, filter, bias },
      attrs: { ...attrs, activation: at % 3 === 0 ? 'linear' : 'relu' },
    })),
    ...ACTIVATED,
  ],
  Conv2DBackpropInput: cases(({ x, filter, dy, attrs }, it) => ({
    inputs: { dy, filter },
    attrs: { ...attrs, inputShape: x.shape },
    native: !cutsBack(it),
  })),
  // Without the filter that is the largest: plain JavaScript takes longest for this kernel.
  Conv2DBackpropFilter: cases(({ x, filter, dy, attrs }) => ({
    inputs: { x, dy },
    attrs: { ...attrs, filterShape: filter.shape },
  })).filter(({ attrs }) => util.sizeFromShape(attrs!.filterShape as number[]) < 100_000),
}
