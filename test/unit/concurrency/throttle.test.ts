import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createThrottle } from '../../../src/concurrency/throttle.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a throttle lets each thing through once in its time, and keeps nothing of it behind that', () => {
  const isTime = createThrottle(60_000)
  expect(['disk', 'disk', 'net', 'disk'].map(isTime)).toEqual([true, false, true, false])
  vi.advanceTimersByTime(59_999)
  expect(isTime('disk')).toBe(false)
  vi.advanceTimersByTime(1)
  expect(vi.getTimerCount()).toBe(0)
  expect(isTime('disk')).toBe(true)
})
