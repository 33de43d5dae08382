import { createGate } from '../../concurrency/gate.ts'
import type { Bus } from '../../ports/bus.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { Lagged, RunEvent } from '../model/events.ts'
import { isFinal } from '../model/status.ts'
import { createInbox, OVERFLOW } from './inbox.ts'
import type { Journal } from './journal.ts'
import { pointsIn } from './recent.ts'

/** Messages that may wait for one slow subscriber. They are shared by all subscribers: a place costs a pointer. */
const CAPACITY = 256
/** Events, and about how many points, read from the journal at once when a subscriber catches up. A slow one keeps them. */
const PAGE_EVENTS = 64
const PAGE_POINTS = 1024

/** Pages that are in memory: who has one tells all of it before the next has his. */
const turn = createGate()

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
  let cursor = after
  let page: readonly RunEvent[] = []
  let place = 0
  // An event may carry one point or 256 (of about 0.5 kB each): the last page tells how large the next may be.
  let limit = 8
  /** Up to here the journal is to be read. */
  let end = after
  /** It is read, and what comes is in the inbox. */
  let isLive = false
  let hasLagged = false
  // Whether the last status that was told, or was there before the rest, is an end; the journal knows whether it is still.
  let isOver = false

  const stop = () => {
    detach()
    inbox.close()
  }

  function told(event: RunEvent): RunEvent {
    cursor = event.seq
    if (event.kind === 'STATUS_CHANGED') isOver = isFinal(event.status)
    return event
  }

  /** The next event that is here; undefined when the journal has to be read, or the inbox to be waited for. */
  function take(): RunEvent | undefined {
    if (place < page.length) return told(page[place++]!)
    page = []
    place = 0
    if (isOver) isLive = false
    while (isLive) {
      const delivery = inbox.take()
      if (delivery === undefined) return undefined
      if (delivery === OVERFLOW) hasLagged = true
      else if (delivery.seq <= cursor) continue
      else if (delivery.seq === cursor + 1) return told(delivery)
      isLive = false
    }
    return undefined
  }

  /** @returns false when there can be no event any more */
  async function read(): Promise<boolean> {
    if (cursor >= end) {
      // Before the journal is read: a run that is final here has all its events in the journal already.
      const position = await feed.journal.position(runId)
      if (position === null || (isFinal(position.status) && cursor >= position.seq)) return false
      isOver = isFinal(position.status)
      end = position.seq
    }
    if (cursor < end) {
      page = await feed.journal.read(runId, cursor, limit)
      await turn()
    }
    limit = nextLimit(page)
    if (page.length === 0) {
      end = cursor
      isLive = true
    }
    return true
  }

  async function lagged(): Promise<Lagged | undefined> {
    hasLagged = false
    const to = (await feed.journal.position(runId))?.seq ?? cursor
    feed.telemetry.record({ kind: 'subscriptionLagged', missedEvents: to - cursor })
    return to <= cursor
      ? undefined
      : { kind: 'LAGGED', runId, seq: cursor, from: cursor + 1, to, at: new Date() }
  }

  return {
    [Symbol.asyncIterator]() {
      return this
    },
    // Not an async generator, and all that an event waits for stands here: a thousand subscribers have each of its promises.
    async next() {
      try {
        while (!inbox.isClosed) {
          const event = take() ?? (hasLagged ? await lagged() : undefined)
          if (event !== undefined) return { done: false, value: event }
          if (isLive) await inbox.filled()
          else if (!(await read())) break
        }
      } catch (error) {
        stop()
        throw error
      }
      stop()
      return { done: true, value: undefined }
    },
    async return() {
      stop()
      return { done: true, value: undefined }
    },
  }
}

function nextLimit(page: readonly RunEvent[]): number {
  const points = page.reduce((sum, event) => sum + pointsIn(event), 0)
  const each = points / Math.max(1, page.length)
  return Math.max(1, Math.min(PAGE_EVENTS, Math.floor(PAGE_POINTS / Math.max(1, each))))
}
