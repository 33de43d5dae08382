import * as tf from '@tensorflow/tfjs'
import { beforeEach, describe, expect, test } from 'vitest'
import type { NativeBackend } from '../../../src/engine/native/backend.ts'
import { BufferPool } from '../../../src/engine/native/buffer-pool.ts'
import { PackedFilters } from '../../../src/engine/native/packed-filters.ts'
import { addon, startNative, values } from './support.ts'

let backend: NativeBackend
beforeEach(async () => {
  backend = await startNative()
})

describe('packed filters', () => {
  let pool: BufferPool
  let filters: PackedFilters
  beforeEach(() => {
    pool = new BufferPool(addon)
    filters = new PackedFilters(pool)
  })
  /** How often the filter was packed for so many uses. */
  function packedFor(uses: number, tensor: object, key = 'forward'): number {
    let times = 0
    for (let i = 0; i < uses; i++) {
      const fill = (packed: Float32Array) => {
        packed.fill(1)
        times++
      }
      const sum = filters.with(tensor, key, 20, fill, (packed) => packed.reduce((one, other) => one + other))
      expect(sum).toBe(20)
    }
    return times
  }

  test('are kept from their second use on', () => {
    const tensor = {}
    expect(packedFor(1, tensor)).toBe(1)
    expect(pool.stats.usedBytes).toBe(0)
    expect(packedFor(1, tensor)).toBe(1)
    expect(pool.stats.usedBytes).toBe(128)
    expect(packedFor(5, tensor)).toBe(0)
    expect(pool.stats.usedBytes).toBe(128)
  })

  test('are packed anew for another tensor and for another way to pack them', () => {
    const tensor = {}
    packedFor(2, tensor)
    expect(packedFor(3, tensor, 'backward')).toBe(2)
    expect(packedFor(3, {})).toBe(2)
    expect(packedFor(3, tensor)).toBe(0)
  })

  test('are forgotten, and their memory with them', () => {
    const tensor = {}
    packedFor(2, tensor)
    packedFor(2, tensor, 'backward')
    packedFor(1, tensor, 'another')
    expect(pool.stats.usedBytes).toBe(256)
    filters.forget(tensor)
    filters.forget(tensor)
    expect(pool.stats.usedBytes).toBe(0)
    expect(packedFor(3, tensor)).toBe(2)
  })

  test('are packed anew, and kept from the second use on again, where the values of the tensor change', () => {
    const tensor = {}
    packedFor(2, tensor)
    packedFor(1, tensor, 'backward')
    filters.outdate(tensor)
    expect(pool.stats.usedBytes).toBe(0)
    expect(packedFor(3, tensor)).toBe(2)
    expect(packedFor(3, tensor, 'backward')).toBe(2)
    filters.outdate({})
    expect(pool.stats.usedBytes).toBe(256)
  })

  test.each(['fill', 'use'])('leave nothing behind where %s fails', (where) => {
    const tensor = {}
    const fail = () => {
      throw new Error('no memory')
    }
    const attempt = () =>
      filters.with(
        tensor,
        'forward',
        20,
        where === 'fill' ? fail : () => {},
        where === 'use' ? fail : () => {},
      )
    expect(attempt).toThrow('no memory')
    packedFor(1, tensor)
    expect(attempt).toThrow('no memory')
    expect(pool.stats.usedBytes).toBe(0)
    expect(packedFor(3, tensor)).toBe(1)
  })
})

// With Winograd's algorithm and without.
describe.each([
  [32, 32],
  [5, 7],
])('a filter from %i to %i channels', (from, to) => {
  const filterOf = (seed: number) => tf.tensor(values([3, 3, from, to], seed).data, [3, 3, from, to])
  // More than the few tiles that are always convolved directly.
  const images = (count = 3) =>
    tf.tensor(values([count, 8, 8, from], 1).data, [count, 8, 8, from]) as tf.Tensor4D
  const results = (filter: tf.Tensor, x = images()) => {
    const y = tf.conv2d(x, filter as tf.Tensor4D, 1, 'same')
    const data = y.dataSync()
    tf.dispose([x, y])
    return data
  }
  /** With a tensor that was never used before. */
  const expected = (seed: number) => {
    const filter = filterOf(seed)
    const data = results(filter)
    filter.dispose()
    return data
  }

  test('gives the same results from its first use to its last', () => {
    const filter = filterOf(1)
    for (let i = 0; i < 4; i++) expect(results(filter)).toEqual(expected(1))
    filter.dispose()
  })

  test('is not convolved with as it was before it was assigned', () => {
    const filter = tf.variable(filterOf(1))
    for (const seed of [1, 2, 3, 1]) {
      const next = filterOf(seed)
      filter.assign(next)
      next.dispose()
      for (let i = 0; i < 3; i++) expect(results(filter)).toEqual(expected(seed))
    }
    filter.dispose()
  })

  test('is not convolved with as it was before it was changed in place', () => {
    const filter = tf.variable(filterOf(1))
    for (const seed of [2, 3, 4]) {
      results(filter)
      results(filter)
      backend.writable(filter).set(values([3, 3, from, to], seed).data)
      for (let i = 0; i < 3; i++) expect(results(filter)).toEqual(expected(seed))
    }
    filter.dispose()
  })

  test('is not convolved with as the tensor was whose memory it got', () => {
    for (const seed of [1, 2, 3]) {
      const base = filterOf(seed)
      const filter = tf.mul(base, 1)
      for (let i = 0; i < 3; i++) expect(results(filter)).toEqual(expected(seed))
      tf.dispose([base, filter])
    }
  })

  test('stays packed while a copy of its tensor lives, and is freed with the last', () => {
    const before = backend.pool.stats.usedBytes
    const filter = filterOf(1)
    for (let i = 0; i < 3; i++) results(filter)
    expect(backend.pool.stats.usedBytes).toBeGreaterThan(before)
    const clone = filter.clone()
    filter.dispose()
    expect(results(clone)).toEqual(expected(1))
    clone.dispose()
    expect(backend.pool.stats.usedBytes).toBe(before)
  })

  test('is packed once for images of any number, and once more for its gradient', () => {
    const filter = filterOf(1) as tf.Tensor4D
    results(filter)
    results(filter)
    const packed = backend.pool.stats.usedBytes
    for (const count of [4, 5, 6, 7, 4, 5]) results(filter, images(count))
    expect(backend.pool.stats.usedBytes).toBe(packed)
    const gradient = tf.grad((x): tf.Tensor => tf.conv2d(x as tf.Tensor4D, filter, 1, 'same'))
    const [first, ...others] = [1, 2, 3, 4].map(() => tf.tidy(() => gradient(images()).dataSync()))
    for (const data of others) expect(data).toEqual(first)
    expect(backend.pool.stats.usedBytes).toBeGreaterThan(packed)
    filter.dispose()
  })
})
