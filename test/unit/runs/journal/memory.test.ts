import { describe, expect, test, vi } from 'vitest'
import { createJournalPages } from '../../../../src/runs/journal/pages.ts'
import { createRecentEvents } from '../../../../src/runs/journal/recent.ts'
import type { RunEvent } from '../../../../src/runs/model/events.ts'
import type { RunStatus } from '../../../../src/runs/model/status.ts'

const RUN = 'run'
const place = (seq: number) => ({ runId: RUN, seq, at: new Date(0), attempt: 1 })
const became = (seq: number, status: RunStatus): RunEvent => ({
  ...place(seq),
  kind: 'STATUS_CHANGED',
  status,
  failure: null,
  step: 0,
})
const point = {
  step: 1,
  epoch: 1,
  loss: 1,
  nonFinite: null,
  layer: null,
  learningRate: 1,
  imagesPerSecond: 1,
}
const pointsAt = (seq: number, count = 1): RunEvent => ({
  ...place(seq),
  kind: 'LOSS_POINTS',
  points: Array.from({ length: count }, () => ({ ...point, at: new Date(0), attempt: 1 })),
})
const seqs = (events: readonly RunEvent[] | undefined) => events?.map(({ seq }) => seq)
const counted = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

describe('the newest events of a run', () => {
  test('answer who reads near the end, and nobody who reads further back', () => {
    const recent = createRecentEvents()
    recent.add(became(5, 'RUNNING'))
    for (const seq of counted(6, 10)) recent.add(pointsAt(seq))
    expect(recent.position(RUN)).toEqual({ status: 'RUNNING', seq: 10 })
    expect(seqs(recent.read(RUN, 4, 3))).toEqual([5, 6, 7])
    expect(seqs(recent.read(RUN, 8, 64))).toEqual([9, 10])
    expect(recent.read(RUN, 10, 64)).toEqual([])
    expect(recent.read(RUN, 3, 64)).toBeUndefined()
    expect(recent.read('another', 0, 64)).toBeUndefined()
  })

  test('are bounded in events and in points, and the newest is kept however many it has', () => {
    const recent = createRecentEvents()
    recent.add(became(1, 'RUNNING'))
    for (const seq of counted(2, 1000)) recent.add(pointsAt(seq))
    expect(recent.read(RUN, 700, 1)).toBeUndefined()
    expect(seqs(recent.read(RUN, 999, 64))).toEqual([1000])
    for (const seq of counted(1001, 1100)) recent.add(pointsAt(seq, 256))
    expect(recent.read(RUN, 1080, 1)).toBeUndefined()
    recent.add(pointsAt(1101, 100_000))
    expect(seqs(recent.read(RUN, 1100, 64))).toEqual([1101])
    expect(recent.position(RUN)).toEqual({ status: 'RUNNING', seq: 1101 })
  })

  test('begin anew behind a gap, whose status they do not know, and leave out what comes late', () => {
    const recent = createRecentEvents()
    recent.add(became(1, 'RUNNING'))
    recent.add(pointsAt(3))
    expect(recent.position(RUN)).toBeUndefined()
    expect(recent.read(RUN, 1, 64)).toBeUndefined()
    recent.add(pointsAt(2))
    expect(seqs(recent.read(RUN, 2, 64))).toEqual([3])
    recent.add(became(4, 'PAUSED'))
    expect(recent.position(RUN)).toEqual({ status: 'PAUSED', seq: 4 })
  })

  test('are forgotten when the run is deleted or long over, but not when it went on, and of many runs the oldest', () => {
    vi.useFakeTimers()
    try {
      const recent = createRecentEvents()
      recent.add(became(1, 'COMPLETED'))
      recent.add(became(2, 'QUEUED'))
      vi.advanceTimersByTime(1e6)
      expect(recent.position(RUN)).toEqual({ status: 'QUEUED', seq: 2 })
      recent.add(became(3, 'CANCELLED'))
      expect(recent.position(RUN)).toEqual({ status: 'CANCELLED', seq: 3 })
      vi.advanceTimersByTime(1e6)
      expect(recent.position(RUN)).toBeUndefined()
      recent.add(became(4, 'QUEUED'))
      recent.forget(RUN)
      expect(recent.position(RUN)).toBeUndefined()
      recent.add(became(5, 'QUEUED'))
      for (let i = 0; i < 1000; i++) recent.add({ ...became(1, 'QUEUED'), runId: `run ${i}` })
      expect(recent.position(RUN)).toBeUndefined()
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('pages of a journal', () => {
  /** A journal of so many events, and how often it was read. */
  function journalOf(length: number) {
    const journal = { length, reads: 0 }
    const pages = createJournalPages(async (_runId, after, limit) => {
      journal.reads += 1
      const its = counted(after + 1, Math.min(after + limit, journal.length)).map((seq) => pointsAt(seq))
      await Promise.resolve()
      return its
    })
    return { journal, pages }
  }

  test('are read once for all who are near each other, at once and later', async () => {
    const { journal, pages } = journalOf(200)
    const read = await Promise.all([64, 70, 100, 127].map((after) => pages.read(RUN, after, 64)))
    expect(read.map(seqs)).toEqual([64, 70, 100, 127].map((after) => counted(after + 1, 128)))
    expect(seqs(await pages.read(RUN, 65, 70))).toEqual(counted(66, 128))
    expect(journal.reads).toBe(1)
    // The same objects, so that what is made of them can be shared as well.
    expect((await pages.read(RUN, 127, 64))[0]).toBe(read[0].at(-1))
  })

  test('that are not full are read again, and whoever asks after an event was written is told of it', async () => {
    const { journal, pages } = journalOf(1)
    const early = pages.read(RUN, 0, 8)
    journal.length = 2
    const late = await Promise.all([pages.read(RUN, 0, 8), pages.read(RUN, 1, 8)])
    expect(seqs(await early)).toEqual([1])
    expect(late.map(seqs)).toEqual([[1, 2], [2]])
    expect(journal.reads).toBe(2)
    journal.length = 3
    expect(seqs(await pages.read(RUN, 2, 8))).toEqual([3])
  })

  test('that cannot be read fail for all who wait, and are tried again by the next', async () => {
    let broken = true
    const pages = createJournalPages(async () => {
      if (broken) throw new Error('disk')
      return [pointsAt(1)]
    })
    const both = await Promise.allSettled([pages.read(RUN, 0, 8), pages.read(RUN, 0, 8)])
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    broken = false
    expect(seqs(await pages.read(RUN, 0, 8))).toEqual([1])
  })

  test('are bounded, and gone with their run', async () => {
    const { journal, pages } = journalOf(100_000)
    for (let after = 0; after < 99_968; after += 64) await pages.read(RUN, after, 64)
    const { reads } = journal
    await pages.read(RUN, 99_968 - 64, 64)
    expect(journal.reads).toBe(reads)
    await pages.read(RUN, 0, 64)
    expect(journal.reads).toBe(reads + 1)
    pages.forget(RUN)
    await pages.read(RUN, 0, 64)
    expect(journal.reads).toBe(reads + 2)
  })
})
