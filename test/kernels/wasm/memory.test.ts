import * as tf from '@tensorflow/tfjs'
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'
import { beforeAll, expect, test } from 'vitest'
import { selectEngine } from '../../../src/engine/select.ts'
import { values } from './support.ts'

beforeAll(async () => {
  await selectEngine('wasm')
})

const heapBytes = () => {
  const { wasm } = tf.backend() as BackendWasm
  return (wasm as unknown as { HEAPU8: Uint8Array }).HEAPU8.byteLength
}

test('the memory of the engine is as large after 200 steps as after 10', () => {
  const model = tf.sequential({
    layers: [
      tf.layers.conv2d({
        inputShape: [16, 16, 3],
        filters: 32,
        kernelSize: 3,
        padding: 'same',
        useBias: true,
      }),
      tf.layers.batchNormalization(),
      tf.layers.reLU(),
      tf.layers.maxPooling2d({ poolSize: 2, strides: 2 }),
      tf.layers.conv2d({ filters: 16, kernelSize: 3, padding: 'same' }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 10 }),
    ],
  })
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable)
  const x = tf.tensor(values([16, 16, 16, 3], 1).data, [16, 16, 16, 3])
  const labels = tf.oneHot(tf.range(0, 16, 1, 'int32').mod(tf.scalar(10, 'int32')) as tf.Tensor1D, 10)
  const step = () =>
    tf.tidy(() => {
      const { value, grads } = tf.variableGrads(
        () =>
          tf.losses.softmaxCrossEntropy(labels, model.apply(x, { training: true }) as tf.Tensor) as tf.Scalar,
        variables,
      )
      for (const variable of variables) variable.assign(variable.sub(grads[variable.name].mul(0.01)))
      return value.dataSync()[0]
    })
  const first = step()
  for (let i = 1; i < 10; i++) step()
  const { numTensors, numDataBuffers, numBytes } = tf.memory()
  const bytes = heapBytes()
  let last = first
  for (let i = 10; i < 200; i++) last = step()
  expect(last).toBeLessThan(first / 2)
  expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers, numBytes })
  expect(heapBytes()).toBe(bytes)
  model.dispose()
  tf.dispose([x, labels])
})

test('kernels see their tensors where they lie after the memory has grown', () => {
  const before = heapBytes()
  const kept = tf.tensor(values([64, 40], 1).data, [64, 40])
  const product = () => tf.tidy(() => tf.matMul(kept, kept, true, false).dataSync())
  const expected = product()
  const large = tf.zeros([Math.ceil(before / 4)])
  expect(heapBytes()).toBeGreaterThan(before)
  expect(product()).toEqual(expected)
  tf.dispose([kept, large])
})

test('an allocation beyond 4 GiB takes nothing of the memory before it is refused', () => {
  const before = heapBytes()
  // 12,000,000,000 bytes, which as 32 bits are 3,410,065,408.
  expect(() => tf.tidy(() => tf.fill([3e9], 1))).toThrow(/has no room for 12000000000 more bytes/)
  expect(heapBytes()).toBe(before)
})

test('an allocation that finds no room is an error with a remedy, and harms nothing', () => {
  const kept = tf.tensor1d([1, 2, 3])
  const { numTensors } = tf.memory()
  // Nearly the 4 GiB that a wasm memory may have, and a size that is 0 in its 32 bits.
  for (const length of [2 ** 30 - 2 ** 20, 2 ** 30]) {
    expect(() => tf.tidy(() => tf.fill([length], 1))).toThrow(`has no room for ${length * 4} more bytes`)
  }
  expect([...kept.dataSync()]).toEqual([1, 2, 3])
  expect([...tf.tidy(() => kept.add(1).dataSync())]).toEqual([2, 3, 4])
  kept.dispose()
  expect(tf.memory().numTensors).toBe(numTensors - 1)
})
