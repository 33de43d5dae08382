import { afterEach, describe, expect, test, vi } from 'vitest'
import { createBatcher } from '../../../src/predictor/batcher.ts'

/** A `compute` that takes as long as it is told by a clock of its own, and writes down what it got. */
function harness(msPerPicture: number) {
  let now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  const batches: string[] = []
  let done = () => {}
  let left = 0
  const batcher = createBatcher<number>(async (key, jobs) => {
    batches.push(`${key}: ${jobs.join(' ')}`)
    now += msPerPicture * jobs.length
    left -= jobs.length
    if (left <= 0) done()
  })
  return {
    batches,
    batcher,
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

describe('the batcher', () => {
  test('computes the first picture of a model alone and then everything that came meanwhile, up to 32', async () => {
    const { batcher, batches, computed } = harness(1)
    const all = computed(70)
    for (let id = 1; id <= 70; id++) batcher.add(id, 'a', id)
    await all
    expect(batches).toEqual(['a: 1', `a: ${range(2, 33)}`, `a: ${range(34, 65)}`, `a: ${range(66, 70)}`])
  })

  test('takes no more at once than a slow engine computes in a second', async () => {
    const { batcher, batches, computed } = harness(300)
    const all = computed(8)
    for (let id = 1; id <= 8; id++) batcher.add(id, 'a', id)
    await all
    expect(batches).toEqual(['a: 1', 'a: 2 3 4', 'a: 5 6 7', 'a: 8'])
  })

  test('computes one at a time where one takes more than a second', async () => {
    const { batcher, batches, computed } = harness(5000)
    const all = computed(3)
    for (let id = 1; id <= 3; id++) batcher.add(id, 'a', id)
    await all
    expect(batches).toEqual(['a: 1', 'a: 2', 'a: 3'])
  })

  test('never mixes models, and serves the one whose request is the oldest', async () => {
    const { batcher, batches, computed } = harness(1)
    const all = computed(7)
    ;['a', 'a', 'b', 'a', 'b', 'c', 'a'].forEach((key, index) => {
      batcher.add(index + 1, key, index + 1)
    })
    await all
    expect(batches).toEqual(['a: 1', 'a: 2 4 7', 'b: 3', 'b: 5', 'c: 6'])
  })

  test('leaves out what is cancelled before its turn', async () => {
    const { batcher, batches, computed } = harness(1)
    const all = computed(3)
    for (let id = 1; id <= 4; id++) batcher.add(id, 'a', id)
    batcher.cancel(3)
    batcher.cancel(99)
    await all
    expect(batches).toEqual(['a: 1', 'a: 2 4'])
  })

  test('starts again after it ran out of work', async () => {
    const { batcher, batches, computed } = harness(1)
    const first = computed(1)
    batcher.add(1, 'a', 1)
    await first
    await new Promise((resolve) => setImmediate(resolve))
    const second = computed(1)
    batcher.add(2, 'a', 2)
    await second
    expect(batches).toEqual(['a: 1', 'a: 2'])
  })
})
