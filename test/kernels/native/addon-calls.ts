import type { NativeAddon } from '../../../src/engine/native/addon.ts'
import { addon, values } from './support.ts'

/** One argument of a call that the addon accepts, and what is known about it. */
export interface Argument {
  /** How the addon calls it when it is wrong. */
  name: string
  value: unknown
  /** It may be null. */
  optional?: boolean
  /** Its own length says how long the others must be. */
  anyLength?: boolean
  /** The function writes into it. */
  output?: boolean
  /** A whole number's or a shape's least values. */
  least?: number | number[]
  /** Of a shape, the numbers that no array's length depends on. */
  free?: number[]
  /** Values that are wrong in a way of their own. */
  wrong?: unknown[]
}

/** What an output holds before the call. */
export const UNTOUCHED = 7

const input = (name: string, length: number): Argument => ({ name, value: values([length], length).data })
const optional = (name: string, length: number): Argument => ({ ...input(name, length), optional: true })
const output = (name: string, length: number): Argument => ({
  name,
  value: new Float32Array(length).fill(UNTOUCHED),
  output: true,
})
const bytes = (name: string, length: number): Argument => ({ name, value: new Uint8Array(length).fill(1) })
const byteOutput = (name: string, length: number): Argument => ({
  name,
  value: new Uint8Array(length).fill(UNTOUCHED),
  output: true,
})
const whole = (name: string, value: number, least = 1): Argument => ({ name, value, least })
const operation = (): Argument => ({ ...whole('the operation|no such operation', 0, 0), wrong: [99] })
const factor = (value: number): Argument => ({ ...whole('factor', value, 0), wrong: [4] })
const real = (at: number, value: number): Argument => ({ name: `argument ${at} must be a number`, value })
const flag = (at: number, value: boolean): Argument => ({
  name: `argument ${at} must be true or false`,
  value,
})

/** Lengths and steps from 1 on, paddings from 0 on. */
const shape = (name: string, numbers: number[], paddings: number[] = [], free: number[] = []): Argument => ({
  name,
  value: Int32Array.from(numbers),
  free,
  least: numbers.map((_, at) => (paddings.includes(at) ? 0 : 1)),
})
/** Two images [5, 4, 3], convolved from 3 to 2 channels by 3x3. */
const convolution = (free = [6, 7, 8, 9, 10, 11]) =>
  shape('geometry|padding', [2, 5, 4, 3, 3, 3, 1, 1, 1, 1, 1, 1, 5, 4, 2], [10, 11], free)
/** Two images [4, 6, 3], pooled by 2x2. */
const window = () => shape('geometry', [2, 4, 6, 3, 2, 2, 2, 2, 0, 0, 2, 3], [8, 9], [4, 5, 6, 7, 8, 9])
const images = () => shape('shape', [2, 4, 6, 3])

const EVERY = Array.from({ length: 15 }, (_, i) => i)

const packed = () => addon.packedFloats(convolution().value as Int32Array, false)

/** A call of each function that computes. Made anew for every use, as the outputs are written. */
export const CALLS: Partial<Record<keyof NativeAddon, () => Argument[]>> = {
  packedFloats: () => [convolution(EVERY), flag(1, false)],
  pack: () => [
    convolution(EVERY.filter((i) => ![3, 4, 5, 14].includes(i))),
    flag(1, false),
    flag(2, false),
    input('the filter', 54),
    output('the packed filter', packed()),
  ],
  convolve: () => [
    convolution(),
    flag(1, false),
    input('x', 120),
    input('the packed filter', packed()),
    optional('the bias', 2),
    flag(5, true),
    { ...byteOutput('the places', 16), optional: true },
    output('y', 16),
  ],
  filterGradient: () => [convolution(), flag(1, true), input('x', 120), input('dy', 80), output('dw', 54)],
  denseForward: () => [
    whole('rows', 3),
    whole('inputs', 4),
    whole('outputs', 5),
    input('x', 12),
    input('w', 20),
    optional('the bias', 5),
    flag(6, false),
    output('y', 15),
  ],
  denseInputGradient: () => [
    whole('rows', 3),
    whole('inputs', 4),
    whole('outputs', 5),
    input('dy', 15),
    input('w', 20),
    output('dx', 12),
  ],
  denseWeightGradient: () => [
    whole('rows', 3),
    whole('inputs', 4),
    whole('outputs', 5),
    input('x', 12),
    input('dy', 15),
    output('dw', 20),
  ],
  reluBiasGradient: () => [
    whole('rows', 3),
    whole('channels', 5),
    input('dy', 15),
    optional('y', 15),
    output('z', 15),
    output('db', 5),
  ],
  unary: () => [operation(), { ...input('y', 9), anyLength: true }, real(2, 0), real(3, 1), output('y', 9)],
  binary: () => [
    operation(),
    whole('rows', 3),
    whole('columns', 5),
    factor(1),
    input('a', 5),
    factor(2),
    input('b', 3),
    output('y', 15),
  ],
  reduceRows: () => [
    operation(),
    whole('rows', 3),
    whole('columns', 5),
    input('x', 15),
    real(4, 1),
    output('y', 3),
  ],
  sumColumns: () => [whole('rows', 3), whole('columns', 5), input('x', 15), real(3, 1), output('y', 5)],
  softmax: () => [whole('rows', 3), whole('columns', 5), input('x', 15), output('y', 15)],
  transpose: () => [
    whole('matrices', 2),
    whole('rows', 3),
    whole('columns', 5),
    input('x', 30),
    output('y', 30),
  ],
  channelMoments: () => [
    whole('rows', 6),
    whole('channels', 3),
    input('x', 18),
    output('mean', 3),
    output('variance', 3),
  ],
  scaleShift: () => [
    images(),
    input('x', 144),
    input('scale', 3),
    input('shift', 3),
    flag(4, true),
    flag(5, true),
    output('y', 36),
  ],
  batchNormGradient: () => [
    images(),
    flag(1, true),
    flag(2, true),
    input('x', 144),
    input('dy', 36),
    input('scale', 3),
    input('shift', 3),
    input('mean', 3),
    input('inverse', 3),
    output('dgamma', 3),
    output('dbeta', 3),
    output('dx', 144),
  ],
  poolForward: () => [window(), flag(1, false), input('x', 144), output('y', 36)],
  maxPoolGradient: () => [window(), input('x', 144), input('dy', 36), output('dx', 144)],
  averagePoolGradient: () => [window(), input('dy', 36), output('dx', 144)],
  unpoolBiasGradient: () => [
    images(),
    input('dy', 36),
    bytes('the places', 36),
    output('z', 144),
    output('db', 3),
  ],
  dropout: () => [
    { name: 'the state', value: Int32Array.of(1, 2, 3, 4) },
    { ...real(1, 0.5), name: 'argument 1 must be a number|the rate', wrong: [1, -0.1, Number.NaN] },
    { ...input('the mask|y', 9), anyLength: true },
    byteOutput('the mask', 9),
    output('y', 9),
  ],
  dropoutGradient: () => [
    { ...real(0, 0.5), name: 'argument 0 must be a number|the rate', wrong: [1, -0.1, Number.NaN] },
    { ...input('the mask|dx', 9), anyLength: true },
    bytes('the mask', 9),
    output('dx', 9),
  ],
  sgdStep: () => [
    { ...output('the gradient|the velocity', 9), anyLength: true },
    input('the gradient', 9),
    { ...output('the velocity', 9), optional: true },
    real(3, 0.1),
    real(4, 0.9),
    real(5, 0),
    flag(6, true),
  ],
  adamStep: () => [
    { ...output('the gradient|the mean|the square', 9), anyLength: true },
    input('the gradient', 9),
    output('the mean', 9),
    output('the square', 9),
    ...[4, 5, 6, 7, 8, 9].map((at) => real(at, 0.5)),
  ],
  crossEntropy: () => [
    whole('rows', 3),
    whole('classes', 5),
    input('the logits', 15),
    { name: 'the labels', value: Int32Array.of(0, 4, 2) },
    real(4, 0.1),
    output('dx', 15),
    output('the loss', 3),
    output('correct', 3),
  ],
}
