import { afterEach, describe, expect, test, vi } from 'vitest'
import { createBatcher } from '../../../src/predictor/batcher.ts'

/** A `compute` that takes as long as it is told by a clock of its own, and writes down what it got. */
function harness(msPerPicture: number | Record<string, number>) {
  let now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  const batches: string[] = []
  const failed: number[] = []
  let done = () => {}
  let left = 0
  let coming = 0
  const loads = new Map<string, { loaded(): void; fail(error: Error): void }>()
  const slow = new Set<string>()
  const state = { layers: 1, after: (_jobs: number[], _key: string) => {}, released: 0 }
  const ended = (count: number) => {
    left -= count
    if (left <= 0) done()
  }
  const batcher = createBatcher<number, string>({
    acquire: (key) =>
      new Promise((resolve, reject) => {
        const lease = { model: key, release: () => void state.released++ }
        if (!slow.has(key)) resolve(lease)
        else loads.set(key, { loaded: () => resolve(lease), fail: reject })
      }),
    async compute(key, jobs, pause) {
      batches.push(`${key}: ${jobs.join(' ')}`)
      const ms = (typeof msPerPicture === 'number' ? msPerPicture : msPerPicture[key]!) * jobs.length
      for (let layer = 0; layer < state.layers; layer++) {
        if (layer > 0) await pause()
        now += ms / state.layers
      }
      batches.push(...(state.layers > 1 ? [`${key} done`] : []))
      state.after(jobs, key)
      ended(jobs.length)
    },
    fail(jobs) {
      failed.push(...jobs)
      ended(jobs.length)
    },
    coming: () => coming,
  })
  return {
    batches,
    batcher: {
      ...batcher,
      add: (id: number, key: string, job: number, waitedMs = 0) => batcher.add(id, key, job, waitedMs),
    },
    failed,
    loads,
    slow,
    state,
    expectMore(count: number) {
      coming = count
    },
    pass(ms: number) {
      now += ms
    },
    computed: (count: number) =>
      new Promise<void>((resolve) => {
        left = count
        done = resolve
      }),
  }
}

afterEach(() => {
  vi.restoreAllMocks()
})

const range = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index).join(' ')
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('the batcher', () => {
  test('computes the first picture of a model alone and then everything that came meanwhile, up to 32', async () => {
    const { batcher, batches, computed } = harness(1)
    const all = computed(70)
    for (let id = 1; id <= 70; id++) batcher.add(id, 'a', id)
    await all
    expect(batches).toEqual(['a: 1', `a: ${range(2, 33)}`, `a: ${range(34, 65)}`, `a: ${range(66, 70)}`])
  })

  test('takes no more at once than a slow engine computes in half a second', async () => {
    const { batcher, batches, computed } = harness(150)
    const all = computed(8)
    for (let id = 1; id <= 8; id++) batcher.add(id, 'a', id)
    await all
    expect(batches).toEqual(['a: 1', 'a: 2 3 4', 'a: 5 6 7', 'a: 8'])
  })

  test('computes one at a time where one takes longer', async () => {
    const { batcher, batches, computed } = harness(5000)
    const all = computed(3)
    for (let id = 1; id <= 3; id++) batcher.add(id, 'a', id)
    await all
    expect(batches).toEqual(['a: 1', 'a: 2', 'a: 3'])
  })

  test('never mixes models', async () => {
    const { batcher, batches, computed } = harness(1)
    const all = computed(7)
    ;['a', 'a', 'b', 'a', 'b', 'c', 'a'].forEach((key, index) => {
      batcher.add(index + 1, key, index + 1)
    })
    await all
    expect(batches.toSorted()).toEqual(['a: 1', 'a: 2 4 7', 'b: 3', 'b: 5', 'c: 6'])
  })

  test('lets a quick model pass a slow one by: it waits for one pass of the other, not for its queue', async () => {
    const { batcher, batches, computed, state } = harness({ slow: 120, quick: 1 })
    const all = computed(28)
    let id = 100
    // Whoever asks the quick one asks again when there is an answer.
    state.after = (jobs, key) => {
      if (key === 'quick' && id < 120) for (const _ of jobs) batcher.add(++id, 'quick', id)
    }
    for (let job = 1; job <= 8; job++) batcher.add(job, 'slow', job)
    batcher.add(++id, 'quick', id)
    await all
    const turns = batches.map((batch) => batch[0])
    // The slow one has batches of one picture now, and is not kept waiting by twenty quick ones either.
    expect(batches.filter((batch) => batch.startsWith('slow'))).toHaveLength(8)
    expect(turns.join('')).not.toMatch(/ss.*q/)
  })

  test('gives a slow model its turn although a quick one always has more', async () => {
    const { batcher, batches, computed, state } = harness({ slow: 100, quick: 10 })
    const all = computed(40)
    let id = 100
    state.after = (_jobs, key) => {
      if (key === 'quick') batcher.add(++id, 'quick', id)
    }
    batcher.add(1, 'quick', 1)
    batcher.add(2, 'slow', 2)
    batcher.add(3, 'slow', 3)
    await all
    const last = batches.indexOf('slow: 3')
    expect(last).toBeGreaterThan(0)
    // After a pass of 100 ms, the quick one has as long.
    expect(last).toBeLessThan(16)
    state.after = () => {}
  })

  test('lets a quick model in between the layers of a slow one, and not a slow one', async () => {
    const { batcher, batches, computed, state } = harness({ slow: 200, other: 200, quick: 1 })
    const first = computed(3)
    for (const [index, key] of ['slow', 'other', 'quick'].entries()) batcher.add(index, key, index)
    await first
    await turn()
    batches.length = 0
    state.layers = 4
    const all = computed(5)
    for (const [id, key] of [
      [3, 'slow'],
      [4, 'quick'],
      [5, 'quick'],
      [6, 'other'],
      [7, 'slow'],
    ] as const)
      batcher.add(id, key, id)
    await all
    await turn()
    const [begin, end] = [batches.indexOf('slow: 3'), batches.indexOf('slow done')]
    const within = batches.slice(begin + 1, end)
    expect(begin).toBeGreaterThanOrEqual(0)
    expect(within.filter((batch) => batch.startsWith('other'))).toEqual([])
    // The quick one either came before it, or in its midst.
    expect(batches.indexOf('quick: 4 5')).toBeLessThan(end)
    expect(batches.filter((batch) => batch.includes(':'))).toHaveLength(4)
  })

  test('keeps apart what comes for a model while it is computed', async () => {
    const { batcher, batches, computed, state } = harness({ slow: 200, quick: 1 })
    const first = computed(2)
    batcher.add(1, 'slow', 1)
    batcher.add(2, 'quick', 2)
    await first
    await turn()
    state.layers = 4
    const all = computed(3)
    let asked = false
    state.after = (_jobs, key) => {
      if (key !== 'quick' || asked) return
      asked = true
      batcher.add(5, 'slow', 5)
      batcher.add(6, 'slow', 6)
      batcher.cancel(6)
    }
    batcher.add(3, 'slow', 3)
    await turn()
    batcher.add(4, 'quick', 4)
    await all
    expect(batches.filter((batch) => /: [345]/.test(batch))).toHaveLength(3)
    await turn()
    expect(state.released).toBe(5)
  })

  test('waits a little for pictures that are being decoded, and not for long', async () => {
    const { batcher, batches, computed, expectMore, pass } = harness(8)
    const first = computed(1)
    batcher.add(1, 'a', 1)
    await first
    await turn()
    expectMore(1)
    const all = computed(3)
    batcher.add(2, 'a', 2)
    await turn()
    expect(batches).toEqual(['a: 1'])
    batcher.add(3, 'a', 3)
    await turn()
    // As long as a pass of one picture takes.
    pass(8)
    batcher.add(4, 'a', 4)
    await all
    expect(batches).toEqual(['a: 1', 'a: 2 3 4'])
  })

  test('waits longer for pictures that are being decoded where the first of them waited long itself', async () => {
    const { batcher, batches, computed, expectMore, pass } = harness(1)
    const first = computed(1)
    batcher.add(1, 'a', 1)
    await first
    const all = computed(3)
    expectMore(2)
    // A tenth of that.
    batcher.add(2, 'a', 2, 100)
    await turn()
    pass(9)
    batcher.add(3, 'a', 3)
    await turn()
    expect(batches).toEqual(['a: 1'])
    pass(1)
    batcher.add(4, 'a', 4)
    await all
    expect(batches).toEqual(['a: 1', 'a: 2 3 4'])
  })

  test('goes on with other models while one is loaded', async () => {
    const { batcher, batches, computed, loads, slow } = harness(1)
    slow.add('large')
    const rest = computed(2)
    batcher.add(1, 'large', 1)
    batcher.add(2, 'a', 2)
    batcher.add(3, 'a', 3)
    await rest
    expect(batches).toEqual(['a: 2', 'a: 3'])
    const last = computed(1)
    loads.get('large')!.loaded()
    await last
    expect(batches).toEqual(['a: 2', 'a: 3', 'large: 1'])
  })

  test('fails all that wait for a model that cannot be loaded, and asks for it again the next time', async () => {
    const { batcher, batches, failed, computed, loads, slow } = harness(1)
    slow.add('a')
    const all = computed(2)
    batcher.add(1, 'a', 1)
    batcher.add(2, 'a', 2)
    loads.get('a')!.fail(new Error('damaged'))
    await all
    expect(failed).toEqual([1, 2])
    slow.clear()
    const next = computed(1)
    batcher.add(3, 'a', 3)
    await next
    expect(batches).toEqual(['a: 3'])
  })

  test('leaves out what is cancelled before its turn, and holds no model for it', async () => {
    const { batcher, batches, computed, loads, slow, state } = harness(1)
    const all = computed(3)
    for (let id = 1; id <= 4; id++) batcher.add(id, 'a', id)
    batcher.cancel(3)
    batcher.cancel(99)
    await all
    expect(batches).toEqual(['a: 1', 'a: 2 4'])
    await turn()
    const { released } = state
    slow.add('b')
    batcher.add(5, 'b', 5)
    batcher.cancel(5)
    loads.get('b')!.loaded()
    await turn()
    expect(state.released).toBe(released + 1)
    expect(batches).toHaveLength(2)
  })

  test('starts again after it ran out of work', async () => {
    const { batcher, batches, computed } = harness(1)
    const first = computed(1)
    batcher.add(1, 'a', 1)
    await first
    await turn()
    const second = computed(1)
    batcher.add(2, 'a', 2)
    await second
    expect(batches).toEqual(['a: 1', 'a: 2'])
  })
})
