import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  createStatsSampler,
  type Role,
  type StatsSources,
  type SystemStats,
} from '../../../src/system/stats.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A server of two cores whose processes compute as a test says. */
function scripted() {
  const processes = new Map<number, { role: Role; cpuSeconds: number; memoryBytes: number } | Role>()
  const state = { samples: 0, answered: 0, fails: false }
  const sources: StatsSources = {
    cores: 2,
    async snapshot() {
      state.samples += 1
      if (state.fails) throw new Error('the database is gone')
      const queue = { running: 0, queued: 0, concurrency: 1 }
      return { queue, predictionsOpen: 0, openSubscriptions: sampler.listenerCount }
    },
    answered: () => state.answered,
    processes: () =>
      [...processes].map(([pid, it]) =>
        typeof it === 'string' ? { pid, role: it, usage: null } : { pid, role: it.role, usage: it },
      ),
  }
  const sampler = createStatsSampler(sources)
  return { processes, state, sampler }
}
const next = async (stream: AsyncIterableIterator<SystemStats>) => (await stream.next()).value as SystemStats

test('the share of the cores is the mean since the item before, with processes that came, went or share a role', async () => {
  const { processes, state, sampler } = scripted()
  processes.set(1, { role: 'server', cpuSeconds: 100, memoryBytes: 10 })
  processes.set(2, { role: 'trainer', cpuSeconds: 50, memoryBytes: 20 })
  const stream = sampler.follow(1000)
  const first = await next(stream)
  expect(first.loads.server).toEqual({ processes: 1, cpu: null, memoryBytes: 10 })
  expect(first.loads.predictor).toEqual({ processes: 0, cpu: null, memoryBytes: 0 })
  expect(first).toMatchObject({ predictionsPerSecond: null, openSubscriptions: 1 })

  processes.set(1, { role: 'server', cpuSeconds: 100.5, memoryBytes: 11 })
  processes.set(2, { role: 'trainer', cpuSeconds: 51, memoryBytes: 21 })
  // It came since, and all that it has computed is new.
  processes.set(3, { role: 'trainer', cpuSeconds: 0.25, memoryBytes: 5 })
  // Nothing is known of it.
  processes.set(4, 'job')
  state.answered = 30
  await vi.advanceTimersByTimeAsync(1000)
  const second = await next(stream)
  expect(second.loads.server).toEqual({ processes: 1, cpu: 0.25, memoryBytes: 11 })
  expect(second.loads.trainer).toEqual({ processes: 2, cpu: 0.625, memoryBytes: 26 })
  expect(second.loads.job).toEqual({ processes: 1, cpu: null, memoryBytes: null })
  expect(second.predictionsPerSecond).toBe(30)

  // One is gone, and its id came back to another.
  processes.delete(2)
  processes.set(3, { role: 'predictor', cpuSeconds: 0.125, memoryBytes: 7 })
  await vi.advanceTimersByTimeAsync(1000)
  const third = await next(stream)
  expect(third.loads.trainer).toEqual({ processes: 0, cpu: 0, memoryBytes: 0 })
  expect(third.loads.predictor).toEqual({ processes: 1, cpu: 0.0625, memoryBytes: 7 })
  expect(third.predictionsPerSecond).toBe(0)
  await stream.return?.()
})

test('one timer serves all subscribers, each about as often as it wants, and stops with the last', async () => {
  const { state, sampler } = scripted()
  const [fast, slow] = [sampler.follow(250), sampler.follow(1000)]
  await Promise.all([next(fast), next(slow)])
  expect(state.samples).toBe(1)
  expect(vi.getTimerCount()).toBe(1)
  const items = { fast: 0, slow: 0 }
  const count = async (name: keyof typeof items, stream: AsyncIterableIterator<SystemStats>) => {
    for await (const _ of stream) items[name] += 1
  }
  const counting = [count('fast', fast), count('slow', slow)]
  await vi.advanceTimersByTimeAsync(4000)
  expect(state.samples).toBe(17)
  expect(items).toEqual({ fast: 16, slow: 4 })
  await fast.return?.()
  await vi.advanceTimersByTimeAsync(4000)
  expect(items.slow).toBe(8)
  expect(state.samples).toBe(21)
  await slow.return?.()
  await Promise.all(counting)
  expect(vi.getTimerCount()).toBe(0)
  expect(sampler.listenerCount).toBe(0)
})

test('a slow reader gets the newest, with means since its last, and a sample that fails is left out', async () => {
  const { state, sampler } = scripted()
  const stream = sampler.follow(1000)
  const first = await next(stream)
  state.answered = 10
  await vi.advanceTimersByTimeAsync(1000)
  state.fails = true
  await vi.advanceTimersByTimeAsync(2000)
  state.fails = false
  state.answered = 20
  await vi.advanceTimersByTimeAsync(1000)
  const second = await next(stream)
  expect(second.at.getTime() - first.at.getTime()).toBe(4000)
  expect(second.predictionsPerSecond).toBe(5)
  // None is told twice.
  const waiting = stream.next()
  await stream.return?.()
  expect(await waiting).toEqual({ done: true, value: undefined })

  state.fails = true
  await expect(sampler.follow(1000).next()).rejects.toThrow('the database is gone')
  expect(sampler.listenerCount).toBe(0)
  expect(vi.getTimerCount()).toBe(0)
})
