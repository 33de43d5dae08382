import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, test } from 'vitest'
import type { NativeBackend } from '../../../src/engine/native/backend.ts'
import { BACKEND } from '../../../src/engine/native/kernels.ts'
import { startNative, values } from './support.ts'

let backend: NativeBackend
beforeAll(async () => {
  backend = await startNative()
})

const numbers = (length: number, from = 1) => Array.from({ length }, (_, i) => from + i)
/** A tensor in the pool's memory, where its values lie. */
const pooled = (length: number, from = 1) =>
  tf.tidy(() => tf.add(tf.tensor1d(numbers(length, from)), 0)) as tf.Tensor1D
const bufferOf = (tensor: tf.Tensor) => backend.values(tensor).buffer
const used = () => backend.pool.stats.usedBytes

/** Writes into all the memory that is free for tensors of this length. */
function overwrite(length: number): void {
  tf.tidy(() => {
    for (let i = 0; i < 20; i++) tf.fill([length], i).add(1000)
  })
}

describe('the memory of a tensor', () => {
  test('is used again once the tensor is disposed of', () => {
    const x = pooled(100)
    const memory = bufferOf(x)
    x.dispose()
    const next = pooled(100)
    expect(bufferOf(next)).toBe(memory)
    next.dispose()
  })

  test('is not used again while a clone or another shape of it lives', () => {
    const x = pooled(100)
    const [clone, shaped] = [x.clone(), x.reshape([10, 10])]
    x.dispose()
    overwrite(100)
    expect([...clone.dataSync()]).toEqual(numbers(100))
    clone.dispose()
    overwrite(100)
    expect([...shaped.dataSync()]).toEqual(numbers(100))
    const memory = bufferOf(shaped)
    shaped.dispose()
    const next = pooled(100)
    expect(bufferOf(next)).toBe(memory)
    next.dispose()
  })

  test('is not used again while a slice shows a part of it', () => {
    const before = used()
    const x = pooled(100)
    const [slice, other] = [x.slice(10, 20), x.slice(50, 4)]
    expect(bufferOf(slice)).toBe(bufferOf(x))
    x.dispose()
    other.dispose()
    overwrite(100)
    expect([...slice.dataSync()]).toEqual(numbers(20, 11))
    expect(tf.tidy(() => [...slice.mul(2).dataSync()])).toEqual(numbers(20, 11).map((value) => 2 * value))
    slice.dispose()
    expect(used()).toBe(before)
  })

  test('is left to the tensor when its slice is disposed of first', () => {
    const before = used()
    const x = pooled(100)
    const inner = tf.tidy(() => x.slice(10, 20).slice(5, 5))
    expect(bufferOf(inner)).toBe(bufferOf(x))
    inner.dispose()
    overwrite(100)
    expect([...x.dataSync()]).toEqual(numbers(100))
    x.dispose()
    expect(used()).toBe(before)
  })

  test('that was read does not change what was read', async () => {
    const x = pooled(100)
    const slice = x.slice(10, 20)
    const [sync, later, buffer] = [x.dataSync(), await slice.data(), x.bufferSync()]
    tf.dispose([x, slice])
    overwrite(100)
    expect([...sync]).toEqual(numbers(100))
    expect([...later]).toEqual(numbers(20, 11))
    expect(buffer.get(99)).toBe(100)
  })

  test('is read as it was when reading began, though it is disposed of before the reading ends', async () => {
    const x = pooled(100)
    const reading = x.data()
    x.dispose()
    overwrite(100)
    expect([...(await reading)]).toEqual(numbers(100))
  })

  test('is not changed by what is done to an array that was read from it', () => {
    const x = pooled(10)
    x.dataSync().fill(0)
    expect([...x.dataSync()]).toEqual(numbers(10))
    x.dispose()
  })

  test('cannot be seen after the tensor is disposed of', async () => {
    const x = pooled(10)
    x.dispose()
    expect(() => x.dataSync()).toThrow('Tensor is disposed.')
    expect(() => x.slice(0, 1)).toThrow('Tensor is disposed.')
    expect(() => x.clone()).toThrow('Tensor is disposed.')
    await expect(x.data()).rejects.toThrow('Tensor is disposed.')
    x.dispose()
  })

  test('moves to another backend and back', async () => {
    const before = used()
    const x = pooled(100)
    const slice = x.slice(10, 5)
    await tf.setBackend('cpu')
    const sum = tf.add(x, 1)
    x.dispose()
    await tf.setBackend(BACKEND)
    overwrite(100)
    expect([...slice.dataSync()]).toEqual(numbers(5, 11))
    expect(tf.tidy(() => [...tf.sub(sum, 1).dataSync()])).toEqual(numbers(100))
    tf.dispose([slice, sum])
    expect(used()).toBe(before)
  })
})

describe('the memory that tfjs counts', () => {
  const work = () => {
    const x = tf.tensor4d(values([2, 8, 8, 32], 1).data, [2, 8, 8, 32])
    const filter = tf.tensor4d(values([3, 3, 32, 32], 2).data, [3, 3, 32, 32])
    const loss = (a: tf.Tensor4D, b: tf.Tensor4D) => {
      const y: tf.Tensor4D = tf.maxPool(tf.relu(tf.conv2d(a, b, 1, 'same')), 2, 2, 'valid')
      const { mean, variance } = tf.moments(y, [0, 1, 2])
      const normal = tf.batchNorm(
        y,
        mean as tf.Tensor1D,
        variance as tf.Tensor1D,
        tf.zeros([32]),
        tf.ones([32]),
      )
      const row = tf.reshape(
        tf.avgPool(normal as tf.Tensor4D, 2, 2, 'same').slice([0, 0, 0, 0], [1, 2, 2, 32]),
        [1, -1],
      )
      return tf.sum(tf.softmax(tf.matMul(row, row, true))) as tf.Scalar
    }
    return tf.grads(loss as (...inputs: tf.Tensor[]) => tf.Scalar)([x, filter])
  }

  test('is exact, and all given back', () => {
    const { numTensors, numBytes, numDataBuffers, unreliable } = tf.memory()
    expect(unreliable).toBe(false)
    const before = used()
    for (let i = 0; i < 3; i++) tf.tidy(() => void work())
    expect(tf.memory()).toMatchObject({ numTensors, numBytes, numDataBuffers })
    expect(used()).toBe(before)
    const kept = tf.tidy(work)
    expect(tf.memory().numTensors).toBe(numTensors + 2)
    expect(tf.memory().numBytes).toBe(numBytes + 4 * (2 * 8 * 8 * 32 + 9 * 32 * 32))
    tf.dispose(kept)
    expect(tf.memory()).toMatchObject({ numTensors, numBytes, numDataBuffers })
    expect(used()).toBe(before)
  })

  test('does not grow with the steps of a training, nor does what the pool holds', () => {
    const step = () => tf.tidy(() => void work())
    for (let i = 0; i < 3; i++) step()
    const { numTensors, numBytes } = tf.memory()
    const held = { ...backend.pool.stats }
    for (let i = 0; i < 30; i++) step()
    expect(tf.memory()).toMatchObject({ numTensors, numBytes })
    expect(backend.pool.stats).toEqual(held)
  })

  test('is given back when a kernel fails', () => {
    const { numTensors, numBytes } = tf.memory()
    const attempt = () => tf.tidy(() => tf.matMul(pooled(6).reshape([2, 3]), pooled(6).reshape([2, 3])))
    expect(attempt).toThrow(/inner shapes/)
    expect(tf.memory()).toMatchObject({ numTensors, numBytes })
  })
})

test('a tensor can be disposed of after the backend that made it', async () => {
  const x = pooled(100)
  tf.removeBackend(BACKEND)
  await tf.setBackend('cpu')
  expect(() => x.dispose()).not.toThrow()
  expect(backend.pool.stats.freeBytes).toBe(0)
})
