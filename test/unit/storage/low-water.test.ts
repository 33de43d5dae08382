import type { StatsFs } from 'node:fs'
import { afterEach, expect, test, vi } from 'vitest'
import { StorageFullError } from '../../../src/errors.ts'
import { type LowWater, watchLowWater } from '../../../src/storage/low-water.ts'

const GIB = 2 ** 30
let disk: { free: number; size: number }
const stats = () => ({ bsize: 1, bavail: disk.free, blocks: disk.size }) as StatsFs

let lowWater: LowWater | undefined
afterEach(async () => {
  await lowWater?.close()
  vi.useRealTimers()
})

test.each([
  ['1 GiB of a large disk', null, 100 * GIB, GIB],
  ['5 % of a small one', null, 10 * GIB, GIB / 2],
  ['what is asked', 3 * GIB, 100 * GIB, 3 * GIB],
])('%s is to stay free', (_name, minFreeBytes, size, least) => {
  disk = { free: least, size }
  lowWater = watchLowWater('/data', minFreeBytes, stats)
  expect(lowWater.problem()).toBeNull()
  disk.free -= 1
  const other = watchLowWater('/data', minFreeBytes, stats)
  expect(other.problem()).toMatch(
    /^The disk of \/data is nearly full: \d+ MiB are free, and \d+ MiB are to stay so/,
  )
  expect(() => other.check()).toThrow(StorageFullError)
})

test('it tells within a second when it becomes low, and when there is a tenth more than is needed again', () => {
  vi.useFakeTimers()
  disk = { free: GIB, size: 100 * GIB }
  lowWater = watchLowWater('/data', null, stats)
  const told: (string | null)[] = []
  const forget = lowWater.watch(() => told.push(lowWater!.problem()))
  vi.advanceTimersByTime(1000)
  expect(told).toEqual([])
  disk.free = GIB - 1
  vi.advanceTimersByTime(1000)
  expect(told).toEqual([expect.any(String)])
  disk.free = 1.09 * GIB
  vi.advanceTimersByTime(1000)
  expect(told).toHaveLength(1)
  disk.free = 1.1 * GIB
  vi.advanceTimersByTime(1000)
  expect(told).toEqual([expect.any(String), null])
  forget()
  disk.free = 0
  vi.advanceTimersByTime(1000)
  expect(told).toHaveLength(2)
})

test('a disk that does not answer stays what it was, and nothing ends by that', () => {
  vi.useFakeTimers()
  disk = { free: 0, size: 100 * GIB }
  let answers = true
  lowWater = watchLowWater('/data', null, () => {
    if (!answers) throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' })
    return stats()
  })
  const problem = lowWater.problem()
  expect(problem).toEqual(expect.any(String))
  answers = false
  vi.advanceTimersByTime(3000)
  expect(lowWater.problem()).toBe(problem)
})

test('a file system that tells nothing of itself is never low', () => {
  disk = { free: 0, size: 0 }
  lowWater = watchLowWater('/data', null, stats)
  expect(lowWater.problem()).toBeNull()
})
