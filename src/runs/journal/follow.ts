import type { Bus } from '../../ports/bus.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { Lagged, RunEvent } from '../model/events.ts'
import { isFinal } from '../model/status.ts'
import { createInbox, type Inbox } from './inbox.ts'
import type { Journal } from './journal.ts'

/** Messages that may wait for one slow subscriber. They are shared by all subscribers: a place costs a pointer. */
const CAPACITY = 256
/** Events, and about how many points, read from the journal at once when a subscriber catches up. A slow one keeps them. */
const PAGE_EVENTS = 64
const PAGE_POINTS = 1024

/** The journal, and where its new events are announced. */
export interface JournalFeed {
  journal: Pick<Journal, 'read' | 'position'>
  bus: Bus<RunEvent>
  telemetry: Telemetry
}

/**
 * Everything that happened to a run after `after`, then what happens, each event once and in order; ends with the
 * journal of a run that has ended: one that was taken up again after its end has more behind it.
 *
 * The live listener is attached before the journal is read, so an event committed in between is seen twice
 * and dropped once, never missed. Whatever goes wrong with the live side (an overflow, an event published
 * out of order), the answer is the same: go back to the journal.
 *
 * The stream is pulled: nothing is read ahead of the subscriber, whose slowness therefore costs at most
 * the inbox and one page.
 */
export function followRun(
  feed: JournalFeed,
  runId: string,
  after: number,
  capacity: number = CAPACITY,
): AsyncIterableIterator<RunEvent | Lagged> {
  const inbox = createInbox<RunEvent>(capacity)
  // Attached here and not at the first pull: what is published between the two belongs to the subscriber.
  const detach = feed.bus.subscribe(runId, inbox.push)
  const events = read(feed, runId, after, inbox)
  const stop = () => {
    detach()
    // A generator that waits for the inbox hears of return() only when that wait ends.
    inbox.close()
  }
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      try {
        const result = await events.next()
        if (result.done) stop()
        return result
      } catch (error) {
        stop()
        throw error
      }
    },
    return() {
      stop()
      return events.return(undefined)
    },
    throw(error) {
      stop()
      return events.throw(error)
    },
  }
}

async function* read(
  { journal, telemetry }: JournalFeed,
  runId: string,
  after: number,
  inbox: Inbox<RunEvent>,
): AsyncGenerator<RunEvent | Lagged, undefined> {
  let cursor = after
  // An event may carry one point or 256 (of about 0.5 kB each): the last page tells how large the next may be.
  let limit = 8
  // Whether the last status that was told, or was there before the rest, is an end; the journal knows whether it is still.
  let isOver = false
  const told = (event: RunEvent) => {
    cursor = event.seq
    if (event.kind === 'STATUS_CHANGED') isOver = isFinal(event.status)
  }
  for (;;) {
    // Read before the journal: a run that is final here has all its events in the journal already.
    const position = await journal.position(runId)
    if (position === null || (isFinal(position.status) && cursor >= position.seq)) return undefined
    isOver = isFinal(position.status)
    let more = true
    while (more) {
      const page = await journal.read(runId, cursor, limit)
      more = page.length === limit
      limit = nextLimit(page)
      for (const event of page) {
        yield event
        told(event)
      }
    }
    if (isOver) continue

    for (;;) {
      const delivery = await inbox.take()
      if (delivery.kind === 'closed') return undefined
      if (delivery.kind === 'overflow') {
        const to = (await journal.position(runId))?.seq ?? cursor
        telemetry.record({ kind: 'subscriptionLagged', missedEvents: to - cursor })
        if (to > cursor) yield { kind: 'LAGGED', runId, seq: cursor, from: cursor + 1, to, at: new Date() }
        break
      }
      const event = delivery.message
      if (event.seq <= cursor) continue
      if (event.seq > cursor + 1) break
      yield event
      told(event)
      if (isOver) break
    }
  }
}

function nextLimit(page: readonly RunEvent[]): number {
  const points = page.reduce(
    (sum, event) => sum + (event.kind === 'LOSS_POINTS' ? event.points.length : 0),
    0,
  )
  const each = points / Math.max(1, page.length)
  return Math.max(1, Math.min(PAGE_EVENTS, Math.floor(PAGE_POINTS / Math.max(1, each))))
}
