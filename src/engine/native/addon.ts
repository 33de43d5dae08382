import { createRequire } from 'node:module'
import { join } from 'node:path'

/** Where `npm install` builds it (native/install.mjs). The same from src/ and from dist/. */
export const ADDON_PATH = join(import.meta.dirname, '../../../native/build/Release/vggzoo.node')

/**
 * [n, h, w, ci, kh, kw, strideY, strideX, dilationY, dilationX, padTop, padLeft, oh, ow, co]: images [n, h, w, ci],
 * filter [kh, kw, ci, co], results [n, oh, ow, co]. The dilation is the images': 2 puts a zero between two pixels.
 */
export type ConvolutionGeometry = Int32Array
/** [n, h, w, c, kh, kw, strideY, strideX, padTop, padLeft, oh, ow]: images [n, h, w, c], results [n, oh, ow, c]. */
export type PoolGeometry = Int32Array
/** [n, h, w, c]. */
export type ImagesShape = Int32Array

/** Numbers of native/src/shapes.h. */
export const UNARY = {
  relu: 0,
  relu6: 1,
  step: 2,
  square: 3,
  sqrt: 4,
  rsqrt: 5,
  neg: 6,
  abs: 7,
  reciprocal: 8,
  clip: 9,
  scale: 10,
} as const
export const BINARY = {
  add: 0,
  sub: 1,
  mul: 2,
  div: 3,
  maximum: 4,
  minimum: 5,
  squaredDifference: 6,
} as const
export const REDUCE = { sum: 0, max: 1 } as const
/** How a factor of a binary operation lies in [rows, columns]. */
export const FACTOR = { whole: 0, row: 1, column: 2, scalar: 3 } as const

type Floats = Float32Array
type MaybeFloats = Float32Array | null

/**
 * The kernels in C++. Each checks the lengths of its arrays against the shapes, and throws a RangeError that names the
 * one that does not fit, or an Error with code ERR_NATIVE_MEMORY where there is no memory to work in; then nothing was
 * written. Results are written into the arrays that come last. Row-major float32 values throughout.
 */
export interface NativeAddon {
  /** Starts so many threads, on the best instruction set or the one named. @returns its name */
  start(threads: number, instructionSet: string | null): string
  /** What this processor can run, best first. */
  instructionSets(): string[]
  /** Gives scratch memory back to the system. */
  release(): void
  /** Where a buffer begins within a page of 2 MiB. */
  address(buffer: ArrayBufferLike): number
  /** Asks the system for pages of 2 MiB where the array, to which nothing was written yet, fills them. */
  hugePages(values: Floats): void
  /** Multiply-adds in registers, nothing else, on all threads. @returns floating-point operations of a round and thread */
  peak(rounds: number): number

  packedFloats(geometry: ConvolutionGeometry, direct: boolean): number
  /**
   * Orders (or, for Winograd, transforms) a filter as `convolve` reads it. With `backward` it is turned for the
   * gradient of the images: the geometry is that of the convolution of dy, the filter still [kh, kw, co, ci] of it.
   */
  pack(geometry: ConvolutionGeometry, direct: boolean, backward: boolean, w: Floats, packed: Floats): void
  convolve(
    geometry: ConvolutionGeometry,
    direct: boolean,
    x: Floats,
    packed: Floats,
    bias: MaybeFloats,
    relu: boolean,
    /** Not null: y is [n, oh / 2, ow / 2, co], the largest of each 2x2 block; and here is which it was, 0 to 3, or 4: none. */
    places: Uint8Array | null,
    y: Floats,
  ): void
  filterGradient(geometry: ConvolutionGeometry, direct: boolean, x: Floats, dy: Floats, dw: Floats): void

  /** y [rows, outputs] = x [rows, inputs] w [inputs, outputs] + bias. */
  denseForward(
    rows: number,
    inputs: number,
    outputs: number,
    x: Floats,
    w: Floats,
    bias: MaybeFloats,
    relu: boolean,
    y: Floats,
  ): void
  denseInputGradient(rows: number, inputs: number, outputs: number, dy: Floats, w: Floats, dx: Floats): void
  denseWeightGradient(rows: number, inputs: number, outputs: number, x: Floats, dy: Floats, dw: Floats): void

  /** z = dy where y > 0, else 0; db = sums of z over the rows. With y null, z is dy and is not written. */
  reluBiasGradient(rows: number, c: number, dy: Floats, y: MaybeFloats, z: MaybeFloats, db: Floats): void
  unary(op: number, x: Floats, a: number, b: number, y: Floats): void
  binary(
    op: number,
    rows: number,
    c: number,
    aKind: number,
    a: Floats,
    bKind: number,
    b: Floats,
    y: Floats,
  ): void
  /** y [rows] from x [rows, c], a sum times scale. */
  reduceRows(op: number, rows: number, c: number, x: Floats, scale: number, y: Floats): void
  /** y [c] = scale * sums of x [rows, c] over the rows. */
  sumColumns(rows: number, c: number, x: Floats, scale: number, y: Floats): void
  softmax(rows: number, c: number, x: Floats, y: Floats): void
  transpose(count: number, rows: number, columns: number, x: Floats, y: Floats): void

  channelMoments(rows: number, c: number, x: Floats, mean: Floats, variance: Floats): void
  /** y = x * scale + shift, then ReLU, then the largest of 2x2, as asked. */
  scaleShift(
    shape: ImagesShape,
    x: Floats,
    scale: Floats,
    shift: Floats,
    relu: boolean,
    pool: boolean,
    y: Floats,
  ): void
  /** The way back through `scaleShift` and batch norm: see native/src/isa/batch_norm.h. */
  batchNormGradient(
    shape: ImagesShape,
    relu: boolean,
    pool: boolean,
    x: Floats,
    dy: Floats,
    scale: Floats,
    shift: Floats,
    mean: Floats,
    inverse: Floats,
    dgamma: Floats,
    dbeta: Floats,
    dx: Floats,
  ): void

  poolForward(geometry: PoolGeometry, average: boolean, x: Floats, y: Floats): void
  maxPoolGradient(geometry: PoolGeometry, x: Floats, dy: Floats, dx: Floats): void
  averagePoolGradient(geometry: PoolGeometry, dy: Floats, dx: Floats): void
  /** The way back through what `convolve` does with `places`: z [n, h, w, c] from dy [n, h / 2, w / 2, c]; db as above. */
  unpoolBiasGradient(shape: ImagesShape, dy: Floats, places: Uint8Array, z: Floats, db: Floats): void

  /** state: of src/random.ts. y = x / (1 - rate) where mask becomes 1, else 0. */
  dropout(state: Int32Array, rate: number, x: Floats, mask: Uint8Array, y: Floats): void
  dropoutGradient(rate: number, dy: Floats, mask: Uint8Array, dx: Floats): void
  /** Answers 1 where all of the gradient was finite, else 0. */
  sgdStep(
    w: Floats,
    gradient: Floats,
    velocity: MaybeFloats,
    rate: number,
    momentum: number,
    decay: number,
    nesterov: boolean,
  ): number
  /** Answers as sgdStep. */
  adamStep(
    w: Floats,
    gradient: Floats,
    mean: Floats,
    square: Floats,
    beta1: number,
    beta2: number,
    epsilon: number,
    rate: number,
    squareScale: number,
    keep: number,
  ): number
  /** dx: the gradient of the mean loss; loss [rows] in nats; correct [rows] is 1 where the largest logit is the label's. */
  crossEntropy(
    rows: number,
    classes: number,
    logits: Floats,
    labels: Int32Array,
    smoothing: number,
    dx: Floats,
    loss: Floats,
    correct: Floats,
  ): void
}

/** @throws what Node's loader says when it was not built or is for another machine */
export function loadAddon(): NativeAddon {
  return createRequire(import.meta.url)(ADDON_PATH) as NativeAddon
}

/** What this processor can run, best first; nothing where the kernels were not built. */
export function instructionSetsHere(): string[] {
  try {
    return loadAddon().instructionSets()
  } catch {
    return []
  }
}
