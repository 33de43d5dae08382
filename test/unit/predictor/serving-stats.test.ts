import { describe, expect, test } from 'vitest'
import type { ModelVersion } from '../../../src/db/generated/client.ts'
import { NotFoundError } from '../../../src/errors.ts'
import type { VersionRef } from '../../../src/models/resolve-version.ts'
import {
  addLatency,
  createLatencies,
  type Percentiles,
  percentilesOf,
} from '../../../src/predictor/latencies.ts'
import { createServingStats } from '../../../src/predictor/serving-stats.ts'
import { seededRandom } from '../../support/random.ts'

/** Of the nearest rank, from all values. */
function exactly(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((one, other) => one - other)
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1]!
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99) }
}

describe('percentiles of latencies', () => {
  const random = seededRandom(7)
  const many = (count: number, of: () => number) => Array.from({ length: count }, of)
  test.each([
    ['of one value', [3.7]],
    ['of two values', [1, 1000]],
    ['of equal values', many(500, () => 12.5)],
    ['of even ones', many(5000, () => 0.01 + 200 * random())],
    ['of a long tail', many(5000, () => 5 / (random() + 1e-4))],
    ['of two heaps', many(1000, () => (random() < 0.95 ? 0.02 + random() : 60_000 * (1 + random())))],
    ['at the ends of what is told', many(300, () => (random() < 0.6 ? 0.01 : 699_000))],
  ])('%s are within 2.5 percent of the exact ones', (_name, values) => {
    const latencies = createLatencies()
    for (const value of values) addLatency(latencies, value)
    const [told, exact] = [percentilesOf(latencies)!, exactly(values)]
    for (const p of ['p50', 'p90', 'p99'] as const) {
      expect(Math.abs(told[p] / exact[p] - 1), `${p}: ${told[p]} for ${exact[p]}`).toBeLessThanOrEqual(0.025)
    }
  })

  test('are none of nothing, and 0 of what took no time', () => {
    const latencies = createLatencies()
    expect(percentilesOf(latencies)).toBeNull()
    for (const value of [0, 0.009, Number.NaN]) addLatency(latencies, value)
    expect(percentilesOf(latencies)).toEqual({ p50: 0, p90: 0, p99: 0 })
    addLatency(latencies, Number.POSITIVE_INFINITY)
    expect(percentilesOf(latencies)!.p99).toBeGreaterThan(699_000)
  })
})

describe('the stats of serving', () => {
  function harness() {
    let now = 1_000_000
    const deleted = new Set<string>()
    const resolve = async (ref: VersionRef | null) => {
      const { versionId } = ref as { versionId: string }
      if (deleted.has(versionId)) throw new NotFoundError('There is no model version with this id.')
      return { id: versionId } as ModelVersion
    }
    const stats = createServingStats({ resolve }, () => now)
    return {
      stats,
      deleted,
      pass(seconds: number) {
        now += 1000 * seconds
      },
      answer(versionId: string, count: number, latencyMs = 10, batch = 1) {
        const times = { decodeMs: 1, queueMs: 0, computeMs: 4, batch }
        for (let i = 0; i < count; i++) stats.answered(versionId, latencyMs, times)
      },
      ids: async () => (await stats.read()).map(({ version }) => version.id),
    }
  }

  test('tell of each version apart what was answered, refused and failed, and of how many pictures a pass was', async () => {
    const { stats, answer } = harness()
    answer('one', 32, 10, 32)
    answer('one', 1, 10, 1)
    answer('other', 3, 500)
    stats.missed('one', 'refused')
    stats.missed('bad', 'failed')
    const [one, other, bad] = await stats.read()
    expect(one).toMatchObject({ version: { id: 'one' }, answered: 33, refused: 1, failed: 0 })
    expect(one!.batchSize).toBeCloseTo(33 / 2)
    expect(one!.decode!.p50).toBeCloseTo(1, 1)
    expect(one!.queue!.p99).toBe(0)
    expect(one!.compute!.p90 / 4).toBeCloseTo(1, 1)
    expect(other!.latency!.p50 / 500).toBeCloseTo(1, 1)
    expect(bad).toMatchObject({ answered: 0, failed: 1, batchSize: null, latency: null, perSecond: 0 })
    expect(await stats.read('other')).toEqual([other])
    expect(await stats.read('never asked')).toEqual([])
  })

  test('are of the last five minutes, slice by slice, and nothing is told of who was not asked in them', async () => {
    const { stats, answer, pass, ids } = harness()
    answer('old', 5, 1000)
    pass(200)
    answer('old', 1, 10)
    answer('steady', 1)
    pass(90)
    expect((await stats.read('old'))[0]).toMatchObject({ answered: 6 })
    pass(20)
    const [rest] = await stats.read('old')
    expect(rest!.answered).toBe(1)
    expect(rest!.latency!.p99).toBeLessThan(11)
    answer('steady', 1)
    pass(200)
    expect(await ids()).toEqual(['steady'])
    pass(3600)
    expect(await ids()).toEqual([])
  })

  test('say how many are answered in a second by the newest ones alone', async () => {
    const { stats, answer, pass } = harness()
    answer('one', 1000)
    pass(60)
    for (let second = 0; second < 30; second++) {
      answer('one', 40)
      pass(1)
    }
    expect((await stats.read())[0]!.perSecond).toBeCloseTo(40)
    pass(5)
    expect((await stats.read())[0]!.perSecond).toBeCloseTo((10 * 40) / 15)
    pass(15)
    expect((await stats.read())[0]).toMatchObject({ perSecond: 0, answered: 2200 })
  })

  test('are kept of so many versions at most: the one that was asked last longest ago goes', async () => {
    const { answer, pass, ids } = harness()
    for (let i = 0; i < 64; i++) answer(`${i}`, 1)
    pass(10)
    for (let i = 0; i < 64; i++) if (i !== 20) answer(`${i}`, 1)
    answer('another', 1)
    const kept = await ids()
    expect(kept).toHaveLength(64)
    expect(kept).not.toContain('20')
    expect(kept.at(-1)).toBe('another')
  })

  test('do not tell of a version that was deleted', async () => {
    const { answer, deleted, ids } = harness()
    answer('gone', 1)
    answer('there', 1)
    deleted.add('gone')
    expect(await ids()).toEqual(['there'])
  })
})
