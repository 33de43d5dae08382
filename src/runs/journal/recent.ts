import type { RunEvent } from '../model/events.ts'
import { isFinal, type RunStatus } from '../model/status.ts'

/** Of a run: half a minute of one that tells all it can. */
const MAX_EVENTS = 256
/** Of a run; about 0.4 kB each. */
const MAX_POINTS = 4096
/** More than can be at work. */
const MAX_RUNS = 128
/** That a run is kept after its end, for those who are still being told. */
const AFTERWARDS_MS = 60_000

/** Where a run stands, as its journal has it. */
export interface Position {
  status: RunStatus
  seq: number
}

/** The newest events of the runs that are at work: who reads near the end of a journal needs no database. */
export interface RecentEvents {
  /** Takes an event that was committed. */
  add(event: RunEvent): void
  /** Up to `limit` events after `after`, in order; undefined when that is not known here. */
  read(runId: string, after: number, limit: number): readonly RunEvent[] | undefined
  /** Undefined when that is not known here. */
  position(runId: string): Position | undefined
  forget(runId: string): void
}

const NOTHING = { events: [] as readonly RunEvent[] }

/** What is kept of a run: events without a gap, up to its newest. */
interface Tail {
  events: RunEvent[]
  points: number
  /** Undefined until an event has told. */
  status: RunStatus | undefined
  ending: NodeJS.Timeout | undefined
}

export function createRecentEvents(): RecentEvents {
  /** By run, the one that was written last at the end. */
  const tails = new Map<string, Tail>()

  function forget(runId: string): void {
    clearTimeout(tails.get(runId)?.ending)
    tails.delete(runId)
  }

  function tailOf({ runId, seq }: RunEvent): Tail {
    const tail = tails.get(runId)
    if (tail !== undefined && seq === tail.events.at(-1)!.seq + 1) return tail
    // Between the two there is something that nobody has told yet, perhaps another status.
    forget(runId)
    return { events: [], points: 0, status: undefined, ending: undefined }
  }

  return {
    add(event) {
      const { runId } = event
      // One that comes late, behind a later one, is missing before all that are kept.
      if (event.seq <= (tails.get(runId)?.events.at(-1)?.seq ?? 0)) return
      const tail = tailOf(event)
      tails.delete(runId)
      tails.set(runId, tail)
      tail.events.push(event)
      tail.points += pointsIn(event)
      while (tail.events.length > MAX_EVENTS || (tail.points > MAX_POINTS && tail.events.length > 1)) {
        tail.points -= pointsIn(tail.events.shift()!)
      }
      if (event.kind === 'STATUS_CHANGED') {
        tail.status = event.status
        clearTimeout(tail.ending)
        tail.ending = isFinal(event.status)
          ? setTimeout(() => forget(runId), AFTERWARDS_MS).unref()
          : undefined
      }
      const [oldest] = tails.keys()
      if (tails.size > MAX_RUNS) forget(oldest!)
    },
    read(runId, after, limit) {
      const { events } = tails.get(runId) ?? NOTHING
      const before = (events[0]?.seq ?? Number.POSITIVE_INFINITY) - 1
      return after < before ? undefined : events.slice(after - before, after - before + limit)
    },
    position(runId) {
      const tail = tails.get(runId)
      return tail?.status && { status: tail.status, seq: tail.events.at(-1)!.seq }
    },
    forget,
  }
}

export function pointsIn(event: RunEvent): number {
  return event.kind === 'LOSS_POINTS' ? event.points.length : 0
}
