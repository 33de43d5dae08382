import * as tf from '@tensorflow/tfjs'
import { expect } from 'vitest'
import { seededRandom } from '../../support/random.ts'

/** Values in [-1, 1) of a shape, the same for the same seed. */
export function values(shape: readonly number[], seed: number): { shape: number[]; data: Float32Array } {
  const random = seededRandom(seed)
  const data = Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, () => random() * 2 - 1)
  return { shape: [...shape], data }
}

type Values = ReturnType<typeof values>

/** What a computation gives on one backend; leaves the wasm backend current. */
export async function on(
  backend: 'wasm' | 'cpu',
  inputs: readonly Values[],
  compute: (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[],
): Promise<{ shape: number[]; dtype: string; data: Float32Array }[]> {
  await tf.setBackend(backend)
  const tensors = inputs.map(({ shape, data }) => tf.tensor(data, shape))
  const results = [tf.tidy(() => compute(...tensors))].flat()
  const read = results.map((it) => ({
    shape: it.shape,
    dtype: it.dtype,
    data: it.dataSync().slice() as Float32Array,
  }))
  tf.dispose([...tensors, ...results])
  await tf.setBackend('wasm')
  return read
}

/**
 * Expects the wasm engine to give what tfjs' plain JavaScript gives: the largest difference, relative to the largest
 * element, is below `tolerance`. Both sum in float32, in other orders.
 */
export async function expectSame(
  inputs: readonly Values[],
  compute: (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[],
  tolerance = 2e-5,
): Promise<void> {
  const wasm = await on('wasm', inputs, compute)
  const cpu = await on('cpu', inputs, compute)
  expect(wasm.map(({ shape, dtype }) => ({ shape, dtype }))).toEqual(
    cpu.map(({ shape, dtype }) => ({ shape, dtype })),
  )
  for (const [i, { data }] of cpu.entries()) expect(relativeError(wasm[i].data, data)).toBeLessThan(tolerance)
}

function relativeError(data: Float32Array, reference: Float32Array): number {
  let largest = 1e-6
  let worst = 0
  for (let i = 0; i < reference.length; i++) {
    // Not a number compares as false with everything: it must not pass for small.
    if (!Number.isFinite(data[i])) return Number.POSITIVE_INFINITY
    largest = Math.max(largest, Math.abs(reference[i]))
    worst = Math.max(worst, Math.abs(data[i] - reference[i]))
  }
  return worst / largest
}
