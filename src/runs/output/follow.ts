import { newestOfEach } from '../../concurrency/iterate.ts'
import type { Bus } from '../../ports/bus.ts'
import type { Journal } from '../journal/journal.ts'
import type { RunEvent } from '../model/events.ts'
import { isFinal } from '../model/status.ts'
import type { OutputLine } from './line.ts'

/** Lines read at once: a slow subscriber holds no more than these. */
const PAGE = 100

export interface OutputFeed {
  /** Up to `limit` lines after a number, in order. */
  read(runId: string, after: number, limit: number): Promise<OutputLine[]>
  position: Journal['position']
  /** Says, by the run's id, that lines were written. */
  written: Bus<void>
  events: Bus<RunEvent>
}

/**
 * The lines of a run after `after`, then those to come, each once and in order; ends when the run has ended.
 *
 * Every line comes from the table. What is live is only the word that there are more, which is the same word however
 * often it was given: a subscriber costs one page, however slow it is, and no line can be missed or sent twice.
 * One that is more than MAX_LINES behind finds the oldest gone; their numbers are missing then.
 */
export function followOutput(
  feed: OutputFeed,
  runId: string,
  after: number,
): AsyncIterableIterator<OutputLine> {
  const { read, position, written, events } = feed
  const words = newestOfEach((listener) => {
    const look = () => listener(runId)
    const detachLines = written.subscribe(runId, look)
    const detachEvents = events.subscribe(runId, (event) => {
      if (event.kind === 'STATUS_CHANGED' && isFinal(event.status)) look()
    })
    // What is there already.
    look()
    return () => {
      detachLines()
      detachEvents()
    }
  })

  async function* lines(): AsyncGenerator<OutputLine, undefined> {
    let cursor = after
    for await (const _ of words) {
      for (;;) {
        // Read before the lines: a run that is final here has printed its last already.
        const run = await position(runId)
        const page = await read(runId, cursor, PAGE)
        for (const line of page) {
          yield line
          cursor = line.number
        }
        if (page.length === PAGE) continue
        if (run === null || isFinal(run.status)) return undefined
        break
      }
    }
  }

  const generator = lines()
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      try {
        const result = await generator.next()
        if (result.done) await words.return?.()
        return result
      } catch (error) {
        await words.return?.()
        throw error
      }
    },
    async return() {
      // First, as a generator that waits for a word hears of return() only when that wait ends.
      await words.return?.()
      return generator.return(undefined)
    },
  }
}
