import type { RunEvent } from '../model/events.ts'
import { pointsIn } from './recent.ts'

/** Of all pages that are kept. */
const MAX_EVENTS = 8192
/** Of all pages that are kept: about 8 MiB. */
const MAX_POINTS = 16_384

type Read = (runId: string, after: number, limit: number) => Promise<RunEvent[]>

/** Pages of journals, which those who read the same share while one of them reads and for a while after. */
export interface JournalPages {
  /** Events after `after`, in order: at least one where there are any, at most `limit`. */
  read: Read
  forget(runId: string): void
}

/**
 * A page begins where its length divides the journal, so that readers at different places ask for the same ones. What a
 * journal has does not change: a page that is full stays as it is.
 */
export function createJournalPages(read: Read): JournalPages {
  const reading = new Map<string, Promise<RunEvent[]>>()
  /** The one that was read last at the end. */
  const kept = new Map<string, RunEvent[]>()
  let events = 0
  let points = 0

  function drop(key: string, page: RunEvent[]): void {
    if (!kept.delete(key)) return
    events -= page.length
    points -= pointsOf(page)
  }

  function keep(key: string, page: RunEvent[]): void {
    kept.set(key, page)
    events += page.length
    points += pointsOf(page)
    for (const [oldest, its] of kept) {
      if (events <= MAX_EVENTS && points <= MAX_POINTS) break
      drop(oldest, its)
    }
  }

  async function pageAt(runId: string, begin: number, length: number): Promise<RunEvent[]> {
    const key = `${runId}:${begin}:${length}`
    const full = kept.get(key)
    if (full !== undefined) {
      kept.delete(key)
      kept.set(key, full)
      return full
    }
    const under = reading.get(key)
    if (under !== undefined) {
      const its = await under
      if (its.length === length) return its
      // It was perhaps read before the event was written that this reader has heard of. One that began since was not.
      const later = reading.get(key)
      if (later !== undefined && later !== under) return later
    }
    const page = read(runId, begin, length)
    reading.set(key, page)
    try {
      const its = await page
      // Unless it was forgotten meanwhile.
      if (its.length === length && reading.get(key) === page) keep(key, its)
      return its
    } finally {
      if (reading.get(key) === page) reading.delete(key)
    }
  }

  return {
    async read(runId, after, limit) {
      const length = 2 ** Math.floor(Math.log2(limit))
      const page = await pageAt(runId, after - (after % length), length)
      return page.filter(({ seq }) => seq > after)
    },
    forget(runId) {
      for (const key of reading.keys()) if (key.startsWith(`${runId}:`)) reading.delete(key)
      for (const [key, page] of kept) if (key.startsWith(`${runId}:`)) drop(key, page)
    },
  }
}

function pointsOf(page: readonly RunEvent[]): number {
  return page.reduce((sum, event) => sum + pointsIn(event), 0)
}
