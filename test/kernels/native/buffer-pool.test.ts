import { describe, expect, test } from 'vitest'
import { loadAddon } from '../../../src/engine/native/addon.ts'
import { BufferPool } from '../../../src/engine/native/buffer-pool.ts'

const addon = loadAddon()
addon.start(1, null)
const newPool = () => new BufferPool(addon)

const MEGABYTE = 2 ** 20
const SPARE = 128 * MEGABYTE

describe('the buffer pool', () => {
  test('gives arrays of the length asked for that begin at a cache line', () => {
    const pool = newPool()
    for (const length of [0, 1, 15, 16, 17, 1000, 4097, 100_003]) {
      const values = pool.take(length)
      expect(values).toHaveLength(length)
      expect((addon.address(values.buffer) + values.byteOffset) % 64).toBe(0)
    }
    const bytes = pool.takeBytes(5)
    expect(bytes).toHaveLength(5)
    expect((addon.address(bytes.buffer) + bytes.byteOffset) % 64).toBe(0)
  })

  test('lets large arrays begin at a huge page', () => {
    const pool = newPool()
    for (const length of [MEGABYTE, 1_500_001]) {
      const values = pool.take(length)
      expect(values).toHaveLength(length)
      expect((addon.address(values.buffer) + values.byteOffset) % (2 * MEGABYTE)).toBe(0)
    }
  })

  test('gives memory again once it is let go, and never before', () => {
    const pool = newPool()
    const first = pool.take(100)
    expect(pool.take(100).buffer).not.toBe(first.buffer)
    pool.letGo(first)
    expect(pool.take(100).buffer).toBe(first.buffer)
    expect(pool.take(100).buffer).not.toBe(first.buffer)
  })

  test('gives it for every length that takes as many cache lines, and for no other', () => {
    const pool = newPool()
    const first = pool.take(33)
    pool.letGo(first)
    expect(pool.take(32).buffer).not.toBe(first.buffer)
    expect(pool.take(49).buffer).not.toBe(first.buffer)
    expect(pool.take(48).buffer).toBe(first.buffer)
  })

  test('frees memory with the last of its holders, whatever part of it they show', () => {
    const pool = newPool()
    const values = pool.take(100)
    const part = values.subarray(40, 60)
    pool.hold(part)
    pool.hold(part)
    expect(pool.isSole(values)).toBe(false)
    pool.letGo(values)
    pool.letGo(part)
    expect(pool.isSole(part)).toBe(true)
    expect(pool.take(100).buffer).not.toBe(values.buffer)
    pool.letGo(part)
    expect(pool.take(100).buffer).toBe(values.buffer)
  })

  test('knows memory that is its own, and leaves other memory alone', () => {
    const pool = newPool()
    const own = pool.take(10)
    const foreign = new Float32Array(10)
    expect(pool.owns(own.subarray(3))).toBe(true)
    expect(pool.owns(foreign)).toBe(false)
    expect(newPool().owns(own)).toBe(false)
    pool.hold(foreign)
    pool.letGo(foreign)
    pool.letGo(foreign)
    expect(pool.isSole(foreign)).toBe(false)
    expect(pool.take(10).buffer).not.toBe(foreign.buffer)
    expect(pool.stats.freeBytes).toBe(0)
  })

  test('counts what is in use and what is free', () => {
    const pool = newPool()
    const [one, other] = [pool.take(16), pool.take(17)]
    expect(pool.stats).toEqual({ usedBytes: 192, freeBytes: 0 })
    pool.letGo(other)
    expect(pool.stats).toEqual({ usedBytes: 64, freeBytes: 128 })
    pool.take(20)
    expect(pool.stats).toEqual({ usedBytes: 192, freeBytes: 0 })
    pool.letGo(one)
    pool.trim()
    expect(pool.stats).toEqual({ usedBytes: 128, freeBytes: 0 })
  })

  test('when trimmed lets go what is free, and nothing that is in use', () => {
    const pool = newPool()
    const [used, free] = [pool.take(1000), pool.take(1000)]
    pool.letGo(free)
    pool.trim()
    expect(pool.owns(used)).toBe(true)
    expect(pool.owns(free)).toBe(false)
    expect(pool.take(1000).buffer).not.toBe(free.buffer)
    pool.letGo(used)
    expect(pool.take(1000).buffer).toBe(used.buffer)
  })

  test('keeps as much free memory as is in use and a spare, and drops first what nobody asked for longest', () => {
    const pool = newPool()
    // Pages that nobody writes to cost nothing.
    const megabytes = (count: number) => pool.take((count * MEGABYTE) / 4)
    const [old, young, used] = [megabytes(40), megabytes(70), megabytes(50)]
    pool.letGo(old)
    pool.letGo(young)
    expect(pool.stats).toEqual({ usedBytes: 50 * MEGABYTE, freeBytes: 110 * MEGABYTE })
    pool.letGo(used)
    expect(pool.stats.freeBytes).toBe(120 * MEGABYTE)
    expect(pool.stats.freeBytes).toBeLessThanOrEqual(SPARE)
    expect([old, young, used].map((values) => pool.owns(values))).toEqual([false, true, true])
  })
})
