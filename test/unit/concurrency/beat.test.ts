import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createBeat } from '../../../src/concurrency/beat.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setImmediate', 'setTimeout'] }))
afterEach(() => void vi.useRealTimers())

test('after a pause all of a turn is done at its end, and what comes sooner together when the time is over', () => {
  const beat = createBeat(20)
  const done: string[] = []
  const ask = (name: string) => beat(() => done.push(name))
  ask('a')
  ask('b')
  expect(done).toEqual([])
  vi.advanceTimersByTime(0)
  expect(done).toEqual(['a', 'b'])

  vi.advanceTimersByTime(5)
  ask('c')
  vi.advanceTimersByTime(10)
  ask('d')
  expect(done).toEqual(['a', 'b'])
  vi.advanceTimersByTime(5)
  expect(done).toEqual(['a', 'b', 'c', 'd'])

  vi.advanceTimersByTime(20)
  ask('e')
  vi.advanceTimersByTime(0)
  expect(done.at(-1)).toBe('e')
})

test('what is asked for while it strikes belongs to the next', () => {
  const beat = createBeat(20)
  const done: number[] = []
  beat(() => {
    done.push(1)
    beat(() => done.push(2))
  })
  vi.advanceTimersByTime(0)
  expect(done).toEqual([1])
  vi.advanceTimersByTime(20)
  expect(done).toEqual([1, 2])
})
