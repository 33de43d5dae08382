import * as tf from '@tensorflow/tfjs'
import type { After } from '../../../../src/engine/fused.ts'
import { given, type Values, values } from '../support.ts'
import { TOLERANCE, WINOGRAD_TOLERANCE } from './case.ts'
import { afterwards, type FusedCase, type FusedCases, nameOfAfter, shapeAfter } from './fused-case.ts'

type Shape = { images: [n: number, h: number, w: number]; kernel: 1 | 3; channels: [ci: number, co: number] }
type Options = After & { biasGradient: boolean }

/** A first layer, widths of no vector's length, filters of one pixel, Winograd's widths but at most eight tiles. */
const DIRECT: Shape[] = [
  { images: [2, 7, 9], kernel: 3, channels: [3, 5] },
  { images: [2, 8, 8], kernel: 3, channels: [3, 32] },
  { images: [1, 9, 10], kernel: 3, channels: [3, 64] },
  { images: [1, 9, 9], kernel: 3, channels: [5, 48] },
  { images: [2, 5, 6], kernel: 1, channels: [64, 5] },
  { images: [1, 6, 7], kernel: 1, channels: [48, 32] },
  { images: [1, 3, 3], kernel: 3, channels: [48, 48] },
  { images: [1, 4, 4], kernel: 3, channels: [32, 64] },
  { images: [1, 2, 2], kernel: 3, channels: [64, 48] },
]
/** More than eight tiles; images that end within one; odd numbers of rows and columns. */
const WINOGRAD: Shape[] = [
  { images: [9, 4, 3], kernel: 3, channels: [32, 32] },
  { images: [1, 11, 9], kernel: 3, channels: [48, 32] },
  { images: [3, 3, 12], kernel: 3, channels: [32, 48] },
  { images: [1, 12, 9], kernel: 3, channels: [32, 64] },
]

const PLAIN: Options = { relu: false, pool: false, biasGradient: true }
const KINDS: Record<string, Options[]> = {
  Convolution: [PLAIN, { ...PLAIN, biasGradient: false }],
  ConvolutionRelu: [{ ...PLAIN, relu: true }],
  ConvolutionPool: [
    { ...PLAIN, pool: true },
    { ...PLAIN, relu: true, pool: true },
  ],
}
/** What no network of the zoo asks for: the interface has it all the same. */
const WITHOUT_BIAS_GRADIENT: Record<string, Options> = {
  ConvolutionRelu: { relu: true, pool: false, biasGradient: false },
  ConvolutionPool: { relu: true, pool: true, biasGradient: false },
}

/** Values that come to the gradient 0, as `biasGradient` says. */
const detached = (bias: tf.Tensor) => tf.add(tf.mul(bias, 0), tf.tensor(bias.dataSync(), bias.shape))

type Parts = { x: Values; filter: Values; bias: Values; dy: Values }

function partsOf({ images, kernel, channels }: Shape, after: After, seed: number, step: number): Parts {
  const [ci, co] = channels
  const range = step === 0 ? {} : { from: -3, to: 3, step }
  return {
    x: values([...images, ci], seed, range),
    filter: values([kernel, kernel, ci, co], seed + 1, range),
    bias: values([co], seed + 2, range),
    dy: values(shapeAfter([...images, co], after), seed + 3, range),
  }
}

function caseOf(
  name: string,
  { dy, ...inputs }: Parts,
  options: Options,
  rest: Pick<FusedCase, 'tolerance' | 'winograd'>,
  exact: boolean,
): FusedCase {
  const { biasGradient } = options
  const sums = (x: tf.Tensor4D, filter: tf.Tensor4D, bias: tf.Tensor1D): tf.Tensor4D =>
    tf.add(tf.conv2d(x, filter, 1, 'same'), biasGradient ? bias : detached(bias))
  return {
    name: `${name}${nameOfAfter(options)}${biasGradient ? '' : ', no gradient of the bias'}`,
    inputs,
    dy,
    fused: (layers, { x, filter, bias }) => [layers.convolution(x, filter, bias, options)],
    stock: ({ x, filter, bias }) => [afterwards(sums(x, filter, bias), options)],
    ...(exact
      ? {}
      : { undecided: { before: ({ x, filter, bias }) => sums(x, filter, bias), after: options } }),
    ...rest,
  }
}

const nameOf = ({ images, kernel, channels }: Shape) =>
  `${images.join('x')}, ${kernel}x${kernel} from ${channels.join(' to ')} channels`

/** Whole numbers: every sum is exact, and many are equal or 0. */
const exact = (shape: Shape, options: Options, seed: number): FusedCase =>
  caseOf(`${nameOf(shape)}, whole numbers`, partsOf(shape, options, seed, 1), options, { tolerance: 0 }, true)

const rounded = (shape: Shape, options: Options, seed: number): FusedCase =>
  caseOf(nameOf(shape), partsOf(shape, options, seed, 0), options, { tolerance: TOLERANCE }, false)

const winograd = (shape: Shape, options: Options, seed: number): FusedCase =>
  caseOf(
    nameOf(shape),
    partsOf(shape, options, seed, 0),
    options,
    { tolerance: WINOGRAD_TOLERANCE, winograd: true },
    false,
  )

/** Empty images: all results of a channel are its bias, also when Winograd's algorithm comes to them. */
function equal(shape: Shape, options: Options, seed: number): FusedCase {
  const parts = partsOf(shape, options, seed, 0)
  const x = given(
    parts.x.shape,
    Array.from(parts.x.data, () => 0),
  )
  const bias = given(
    parts.bias.shape,
    Array.from(parts.bias.data, (_, i) => (i % 3) - 1),
  )
  return caseOf(
    `${nameOf(shape)}, empty images`,
    { ...parts, x, bias },
    options,
    { tolerance: WINOGRAD_TOLERANCE },
    true,
  )
}

export const FUSED_CONVOLUTION_CASES: FusedCases = Object.fromEntries(
  Object.entries(KINDS).map(([kernel, kinds]) => {
    const unusual = WITHOUT_BIAS_GRADIENT[kernel]
    return [
      kernel,
      [
        ...kinds.flatMap((options, kind) => [
          ...DIRECT.filter((_, at) => kind === 0 || at % 2 === 0).map((shape, at) =>
            exact(shape, options, 10 * at),
          ),
          rounded(DIRECT[3], options, 7),
          ...(options.pool ? [equal(WINOGRAD[0], options, 9)] : []),
        ]),
        // Plain JavaScript takes longest for these: one kind each.
        ...WINOGRAD.map((shape, at) => winograd(shape, kinds[at % kinds.length], 10 * at)),
        ...(unusual === undefined ? [] : [exact(DIRECT[0], unusual, 3)]),
      ],
    ]
  }),
)
