import { followRows } from '../../concurrency/follow-rows.ts'
import type { SharedReads } from '../../concurrency/shared-reads.ts'
import type { Bus } from '../../ports/bus.ts'
import type { Journal } from '../journal/journal.ts'
import type { RunEvent } from '../model/events.ts'
import { isFinal } from '../model/status.ts'
import type { OutputLine } from './line.ts'

export interface OutputFeed {
  /** Up to `limit` lines after a number, in order. */
  read(runId: string, after: number, limit: number): Promise<OutputLine[]>
  reads: SharedReads
  position: Journal['position']
  /** Says, by the run's id, that lines were written. */
  written: Bus<void>
  events: Bus<RunEvent>
}

/**
 * The lines of a run after `after`, then those to come, each once and in order; ends when the run has ended. A subscriber
 * that is more than MAX_LINES behind finds the oldest gone; their numbers are missing then.
 */
export function followOutput(
  { read, reads, position, written, events }: OutputFeed,
  runId: string,
  after: number,
): AsyncIterableIterator<OutputLine> {
  return followRows(
    {
      shared: { reads, topic: runId },
      subscribe(look) {
        const detachLines = written.subscribe(runId, look)
        const detachEvents = events.subscribe(runId, (event) => {
          if (event.kind === 'STATUS_CHANGED' && isFinal(event.status)) look()
        })
        return () => {
          detachLines()
          detachEvents()
        }
      },
      read: (place, limit) => read(runId, place, limit),
      placeOf: ({ number }) => number,
      async isOver() {
        const run = await position(runId)
        return run === null || isFinal(run.status)
      },
    },
    after,
  )
}
