import * as tf from '@tensorflow/tfjs'
import { loadAddon, type NativeAddon } from '../../../src/engine/native/addon.ts'
import { NativeBackend } from '../../../src/engine/native/backend.ts'
import { BACKEND } from '../../../src/engine/native/kernels.ts'
import { registerNativeBackend } from '../../../src/engine/native/register.ts'
import { seededRandom } from '../../support/random.ts'

export const addon = loadAddon()

/** Those that the tests compute with: in CI all that this processor has, else the one that the engine takes. */
export const INSTRUCTION_SETS =
  process.env.CI === undefined ? addon.instructionSets().slice(0, 1) : addon.instructionSets()

/** The functions that compute and were called on the backend's addon since this was cleared: none if a kernel fell through. */
export const calls = new Set<string>()

/** Makes the backend that is observed. */
const observing = () => new NativeBackend(observed())

/** Starts the engine, or starts it again with other threads or instructions; makes it tfjs' backend. */
export async function startNative(threads = 2, instructionSet: string | null = null): Promise<NativeBackend> {
  addon.start(threads, instructionSet)
  if (tf.findBackendFactory(BACKEND) !== observing) {
    registerNativeBackend(addon)
    // Another file of tests, which shares this process, may have registered it before.
    tf.removeBackend(BACKEND)
    tf.registerBackend(BACKEND, observing)
  }
  await tf.setBackend(BACKEND)
  return tf.backend() as NativeBackend
}

function observed(): NativeAddon {
  const entries = Object.entries(addon).map(([name, call]: [string, (...args: unknown[]) => unknown]) => [
    name,
    (...args: unknown[]) => {
      if (name !== 'address' && name !== 'packedFloats') calls.add(name)
      return call(...args)
    },
  ])
  return Object.fromEntries(entries)
}

export interface Values {
  shape: number[]
  dtype: 'float32' | 'int32' | 'bool'
  data: Float32Array | Int32Array | Uint8Array
}

/** Values from `from` to `to`, the same for the same seed; with a step only multiples of it, so that many are equal. */
export function values(
  shape: readonly number[],
  seed: number,
  { from = -1, to = 1, step = 0 } = {},
): Values & { data: Float32Array } {
  const random = seededRandom(seed)
  const draw = () => {
    const value = from + random() * (to - from)
    return step === 0 ? value : Math.round(value / step) * step
  }
  const data = Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, draw)
  return { shape: [...shape], dtype: 'float32', data }
}

/** The same with given values. */
export const given = (shape: readonly number[], data: readonly number[]) => ({
  shape: [...shape],
  dtype: 'float32' as const,
  data: Float32Array.from(data),
})

export interface Outcome {
  shape: number[]
  dtype: string
  data: Float32Array
}

export const outcomeOf = (tensor: tf.Tensor) => ({
  shape: tensor.shape,
  dtype: tensor.dtype,
  data: tensor.dataSync().slice() as Float32Array,
})

/** What a computation gives on one backend. Its inputs are new there, and all is disposed of after it. */
export async function on<Inputs extends Record<string, Values>>(
  backend: typeof BACKEND | 'cpu',
  inputs: Inputs,
  compute: (tensors: { [name in keyof Inputs]: tf.Tensor }) => tf.Tensor | tf.Tensor[],
): Promise<Outcome[]> {
  await tf.setBackend(backend)
  try {
    return tf.tidy(() => {
      const tensors = Object.entries(inputs).map(([name, { shape, dtype, data }]) => [
        name,
        tf.tensor(data, shape, dtype),
      ])
      return [compute(Object.fromEntries(tensors))].flat().map(outcomeOf)
    })
  } finally {
    await tf.setBackend(BACKEND)
  }
}

/**
 * The largest difference in relation to the largest element of the reference. Infinite where shapes or types differ, or
 * one is not a number or infinite and the other is not. 0 and -0 are the same.
 */
export function difference(result: Outcome, reference: Outcome): number {
  if (!tf.util.arraysEqual(result.shape, reference.shape)) return Number.POSITIVE_INFINITY
  if (result.dtype !== reference.dtype || result.data.length !== reference.data.length)
    return Number.POSITIVE_INFINITY
  let largest = 1e-30
  let worst = 0
  for (const [i, wanted] of reference.data.entries()) {
    const value = result.data[i]
    if (Number.isFinite(wanted) && Number.isFinite(value)) {
      largest = Math.max(largest, Math.abs(wanted))
      worst = Math.max(worst, Math.abs(value - wanted))
    } else if (value !== wanted && !(Number.isNaN(value) && Number.isNaN(wanted))) {
      return Number.POSITIVE_INFINITY
    }
  }
  return worst / largest
}

/** The largest difference between what both backends give. */
export async function differenceOf<Inputs extends Record<string, Values>>(
  inputs: Inputs,
  compute: (tensors: { [name in keyof Inputs]: tf.Tensor }) => tf.Tensor | tf.Tensor[],
): Promise<number> {
  const results = await on(BACKEND, inputs, compute)
  const references = await on('cpu', inputs, compute)
  if (results.length !== references.length) return Number.POSITIVE_INFINITY
  return Math.max(...results.map((result, i) => difference(result, references[i])))
}

/** The same bits, NaN's included. */
export function sameBytes(one: Outcome, other: Outcome): boolean {
  const bytes = ({ data }: Outcome) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  return bytes(one).equals(bytes(other))
}
