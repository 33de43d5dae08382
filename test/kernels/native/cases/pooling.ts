import { backend_util } from '@tensorflow/tfjs'
import { seededRandom } from '../../../support/random.ts'
import { given, type Values, values } from '../support.ts'
import { type Case, type Cases, TOLERANCE } from './case.ts'

interface Pool {
  shape: [number, number, number, number]
  size: number | [number, number]
  strides: number | [number, number]
  pad: 'same' | 'valid' | number | backend_util.ExplicitPadding
  dimRoundingMode?: 'floor' | 'round' | 'ceil'
}

const CHOSEN: Pool[] = [
  { shape: [2, 8, 6, 8], size: 2, strides: 2, pad: 'valid' },
  { shape: [2, 7, 5, 16], size: 2, strides: 2, pad: 'valid' },
  { shape: [3, 4, 4, 35], size: 2, strides: 2, pad: 'same' },
  { shape: [1, 5, 5, 3], size: 2, strides: 2, pad: 'same' },
  // Windows that share pixels, that leave some out, that see padding only.
  { shape: [2, 9, 9, 4], size: 3, strides: 2, pad: 'same' },
  { shape: [1, 7, 8, 20], size: 3, strides: 1, pad: 'same' },
  { shape: [1, 9, 10, 5], size: 2, strides: 3, pad: 'valid' },
  { shape: [1, 5, 5, 3], size: 2, strides: 2, pad: 2 },
  { shape: [2, 6, 6, 3], size: 6, strides: 1, pad: 'valid' },
  { shape: [2, 5, 6, 3], size: [1, 3], strides: [2, 1], pad: 'valid' },
  {
    shape: [1, 5, 6, 7],
    size: [3, 2],
    strides: [2, 2],
    pad: [
      [0, 0],
      [1, 0],
      [0, 1],
      [0, 0],
    ],
  },
  { shape: [1, 5, 6, 7], size: 1, strides: 2, pad: 'valid' },
]

const ROUNDED = (['floor', 'round', 'ceil'] as const).map(
  (dimRoundingMode): Pool => ({ shape: [2, 7, 8, 5], size: 3, strides: 3, pad: 1, dimRoundingMode }),
)

const random = seededRandom(11)
const upTo = (n: number) => 1 + Math.floor(random() * n)
const DRAWN = Array.from({ length: 30 }, (): Pool => {
  const size: [number, number] = [upTo(4), 1 + upTo(3)]
  return {
    shape: [upTo(3), size[0] + upTo(6), size[1] + upTo(6), upTo(20)],
    size,
    strides: [upTo(3), upTo(3)],
    pad: (['same', 'valid', upTo(2) - 1] as const)[upTo(3) - 1],
  }
})

const POOLS = [...CHOSEN, ...ROUNDED, ...DRAWN]

const resultOf = ({ shape, size, strides, pad, dimRoundingMode }: Pool) =>
  backend_util.computePool2DInfo(shape, size, strides, 1, pad, dimRoundingMode).outShape

/** Of two draws, one has few different values: most windows have several that are the largest. */
const DRAWS = [{}, { step: 1 }]

function pool(
  tolerance: number,
  inputsOf: (it: Pool, x: Values, seed: number) => Record<string, Values>,
): Case[] {
  return POOLS.flatMap((it, at) =>
    DRAWS.map((draw, i): Case => {
      const { shape, size, strides, pad, dimRoundingMode } = it
      return {
        name: `[${shape}] by ${size}, strides ${strides}, pad ${JSON.stringify(pad)} ${dimRoundingMode ?? ''}`,
        inputs: inputsOf(it, values(shape, 2 * at + i, draw), at + 200),
        attrs: { filterSize: size, strides, pad, dimRoundingMode: dimRoundingMode as string },
        tolerance,
        native: true,
      }
    }),
  )
}

/** The cpu backend shows the images themselves. */
const OF_ONE_PIXEL: Case = {
  name: 'windows of one pixel',
  inputs: { x: values([1, 4, 5, 3], 1) },
  attrs: { filterSize: 1, strides: 1, pad: 'same' },
  tolerance: 0,
  native: false,
}

const { NaN: nan, POSITIVE_INFINITY: inf, NEGATIVE_INFINITY: minus } = Number
// biome-ignore format: an image
const SPECIAL = given([1, 4, 6, 1], [
  nan, nan, minus, minus, inf, 1,
  nan, nan, minus, minus, 2, inf,
  nan, 1, minus, nan, inf, nan,
  2, 3, -5, nan, minus, 1,
])
const SPECIAL_ATTRS = { filterSize: 2, strides: 2, pad: 'valid' }
const special = (inputs: Record<string, Values>): Case => ({
  name: 'special values',
  inputs,
  attrs: SPECIAL_ATTRS,
  tolerance: 0,
  native: true,
})

/** A gradient that was made with another rounding than the kernel is told: tfjs passes none to the gradients. */
const ROUNDED_OTHERWISE: Case = {
  name: 'a gradient of another size',
  inputs: { dy: values([1, 3, 3, 2], 1), input: values([1, 5, 5, 2], 2), output: values([1, 3, 3, 2], 3) },
  attrs: { filterSize: 2, strides: 2, pad: 0 },
  tolerance: TOLERANCE,
  native: false,
}

const normalized = (
  shape: number[],
  parts: Partial<Record<'offset' | 'scale', Values>>,
  x = values(shape, 1),
) => ({
  x,
  mean: values([shape.at(-1)!], 2),
  variance: values([shape.at(-1)!], 3, { from: 0.1, to: 2 }),
  ...parts,
})

const NORMALIZED = [
  ...[
    [2, 8, 8, 16],
    [300, 4, 4, 8],
    [4, 5, 5, 6],
    [3, 5],
    [7, 35],
    [1, 1, 1, 1],
  ].flatMap((shape) => {
    const [offset, scale] = [values([shape.at(-1)!], 4), values([shape.at(-1)!], 5)]
    return [{}, { offset }, { scale }, { offset, scale }].map((parts) => ({
      name: `[${shape}] with ${Object.keys(parts).join(' and ') || 'neither'}`,
      inputs: normalized(shape, parts),
      native: true,
    }))
  }),
  { name: 'special values', inputs: normalized([24, 1], {}, { ...SPECIAL, shape: [24, 1] }), native: true },
  // One scale for all channels, or a mean for every element.
  { name: 'one scale', inputs: normalized([6, 4], { scale: values([1], 5) }), native: false },
  {
    name: 'a mean for each',
    inputs: { x: values([6, 4], 1), mean: values([6, 4], 6), variance: values([6, 4], 7, { from: 0.5 }) },
    native: false,
  },
].map(
  (it, at): Case => ({ ...it, attrs: at % 2 ? { varianceEpsilon: 1e-5 } : {}, tolerance: TOLERANCE }) as Case,
)

export const POOLING_CASES: Cases = {
  MaxPool: [...pool(0, (_it, x) => ({ x })), OF_ONE_PIXEL, special({ x: SPECIAL })],
  AvgPool: [...pool(TOLERANCE, (_it, x) => ({ x })), OF_ONE_PIXEL, special({ x: SPECIAL })],
  MaxPoolGrad: [
    ...pool(TOLERANCE, (it, input, seed) => {
      const dy = values(resultOf(it), seed)
      return { dy, input, output: dy }
    }),
    special({ dy: values([1, 2, 3, 1], 1), input: SPECIAL, output: values([1, 2, 3, 1], 2) }),
    ROUNDED_OTHERWISE,
  ],
  AvgPoolGrad: [
    // The cpu backend's gradient knows no rounding.
    ...pool(TOLERANCE, (it, input, seed) => ({ dy: values(resultOf(it), seed), input })).filter(
      ({ attrs }) => attrs?.dimRoundingMode === undefined,
    ),
    ROUNDED_OTHERWISE,
  ],
  FusedBatchNorm: NORMALIZED,
}
