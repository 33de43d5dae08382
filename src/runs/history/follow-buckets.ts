import type { PrismaClient } from '../../db/generated/client.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { followRun, type JournalFeed } from '../journal/follow.ts'
import { createInbox, type Inbox, OVERFLOW } from '../journal/inbox.ts'
import { type Bucket, bucketOf, merge, widen } from '../model/buckets.ts'
import type { Lagged, RunEvent, RunPoint } from '../model/events.ts'
import type { Attempt } from './attempts.ts'
import { readAttempts, readThinned } from './read.ts'

/** What a chart of a run has to do to be up to date again. */
export interface BucketDelta {
  /** True: these are all buckets, and the chart forgets what it had. False: each replaces the one of its steps, or is new. */
  reset: boolean
  /** Steps in a bucket: a power of two. */
  bucketSteps: number
  buckets: Bucket<RunPoint>[]
}

/** Deltas that may wait for one slow subscriber. They are shared by all subscribers: a place costs a pointer. */
const CAPACITY = 256

/** In the place of a delta: there is none any more. */
const END = Symbol('end')

/** Thinned loss histories of runs and how they grow, each kept once for all who follow it. */
export interface BucketStreams {
  /**
   * The effective loss history thinned as losses(maxPoints) thins it: first as it is, then what changes, until the run
   * has ended. Who is too slow for the changes gets all of it anew.
   *
   * @param seq  the run's newest event, from before this call
   */
  follow(
    runId: string,
    options: { seq: number; maxPoints: number },
  ): Promise<AsyncIterableIterator<BucketDelta>>
}

/** A history that is followed, and by whom. */
interface Room {
  chart: Chart
  inboxes: Set<Inbox<BucketDelta | typeof END>>
  events: AsyncIterableIterator<RunEvent | Lagged>
  isOver: boolean
  failure?: unknown
}

export function createBucketStreams(prisma: PrismaClient, feed: JournalFeed): BucketStreams {
  /** By run and number of points, with how many are in each or will be as soon as it is open. */
  const rooms = new Map<string, { opening: Promise<Room>; visitors: number }>()

  async function open(runId: string, seq: number, maxPoints: number, onOver: () => void): Promise<Room> {
    const chart = await openChart(prisma, runId, maxPoints)
    const room: Room = { chart, inboxes: new Set(), events: followRun(feed, runId, seq), isOver: false }
    void tell(room).finally(onOver)
    return room
  }

  return {
    async follow(runId, { seq, maxPoints }) {
      const key = `${runId}:${maxPoints}`
      let entry = rooms.get(key)
      if (entry === undefined) {
        const close = () => {
          if (rooms.get(key) === opened) rooms.delete(key)
        }
        const opening = open(runId, seq, maxPoints, close)
        const opened = { opening, visitors: 0 }
        rooms.set(key, opened)
        opening.catch(close)
        entry = opened
      }
      // Before the room is open: it must not be closed while somebody is on the way.
      const { opening } = entry
      entry.visitors += 1
      const room = await opening
      return visit(room, feed.telemetry, () => {
        entry.visitors -= 1
        if (entry.visitors > 0) return
        if (rooms.get(key) === entry) rooms.delete(key)
        void room.events.return!()
      })
    },
  }
}

/** Tells all in the room what changes, until the run has ended or they have left. */
async function tell(room: Room): Promise<void> {
  try {
    for await (const event of room.events) {
      const delta = await room.chart.take(event)
      if (delta !== null) for (const inbox of room.inboxes) inbox.push(delta)
    }
  } catch (error) {
    room.failure = error
    await room.events.return!()
  }
  room.isOver = true
  for (const inbox of room.inboxes) inbox.push(END)
}

function visit(room: Room, telemetry: Telemetry, onLeft: () => void): AsyncIterableIterator<BucketDelta> {
  const inbox = createInbox<BucketDelta | typeof END>(CAPACITY)
  room.inboxes.add(inbox)
  let isBehind = true
  const leave = () => {
    inbox.close()
    if (room.inboxes.delete(inbox)) onLeft()
  }
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      while (!inbox.isClosed) {
        if (isBehind) {
          isBehind = false
          // What waits is in there already.
          while (inbox.take() !== undefined);
          return { done: false, value: room.chart.all() }
        }
        const delta = inbox.take()
        if (delta === OVERFLOW) {
          telemetry.record({ kind: 'subscriptionLagged', missedEvents: CAPACITY })
          isBehind = true
        } else if (delta === END || (delta === undefined && room.isOver)) {
          leave()
          if (room.failure !== undefined) throw room.failure
        } else if (delta !== undefined) {
          return { done: false, value: delta }
        } else {
          await inbox.filled()
        }
      }
      return { done: true, value: undefined }
    },
    async return() {
      leave()
      return { done: true, value: undefined }
    },
  }
}

/** The buckets of those who follow a run. */
interface Chart {
  /** The same object as long as nothing changes. */
  all(): BucketDelta
  /** What an event changes; null for nothing. Events come in order, from any place before the chart was opened. */
  take(event: RunEvent | Lagged): Promise<BucketDelta | null>
}

async function openChart(prisma: PrismaClient, runId: string, maxPoints: number): Promise<Chart> {
  let attempts: Attempt[] = []
  let level = 0
  /** Points of events up to this one are in the buckets. */
  let seen = 0
  let buckets = new Map<number, Bucket<RunPoint>>()
  let whole: BucketDelta | undefined

  const read = async () => {
    attempts = await readAttempts(prisma, runId)
    const thinned = await readThinned(prisma, runId, attempts, { view: 'EFFECTIVE', afterStep: 0, maxPoints })
    level = thinned.level
    // Without a point there is no event either whose points would be counted twice.
    seen = thinned.seq ?? 0
    buckets = byIndex(thinned.buckets)
    whole = undefined
  }
  const all = () => (whole ??= { reset: true, bucketSteps: 2 ** level, buckets: [...buckets.values()] })

  function add(points: readonly RunPoint[]): BucketDelta {
    const changed = new Set<number>()
    whole = undefined
    for (const point of points) {
      const bucket = bucketOf(point, level, 0)
      const before = buckets.get(bucket.index)
      buckets.set(bucket.index, before === undefined ? bucket : merge(before, bucket))
      changed.add(bucket.index)
    }
    const wider = widen([...buckets.values()], level, maxPoints)
    if (wider.level === level) {
      return {
        reset: false,
        bucketSteps: 2 ** level,
        buckets: [...changed].map((index) => buckets.get(index)!),
      }
    }
    level = wider.level
    buckets = byIndex(wider.buckets)
    return all()
  }

  await read()
  return {
    all,
    async take(event) {
      if (event.kind === 'STATUS_CHANGED' && event.status === 'RUNNING') {
        // A trainer has begun, perhaps behind a checkpoint: what lies beyond that no longer counts.
        if (isSame(attempts, await readAttempts(prisma, runId))) return null
        await read()
        return all()
      }
      if (event.kind !== 'LOSS_POINTS' || event.seq <= seen || event.points.length === 0) return null
      if (event.points.every(({ attempt }) => attempt === attempts.at(-1)?.attempt)) return add(event.points)
      await read()
      return all()
    },
  }
}

/** The same starts from the same steps. */
function isSame(before: readonly Attempt[], now: readonly Attempt[]): boolean {
  return (
    before.length === now.length &&
    before.every(({ attempt, fromStep }, i) => attempt === now[i].attempt && fromStep === now[i].fromStep)
  )
}

function byIndex(buckets: readonly Bucket<RunPoint>[]): Map<number, Bucket<RunPoint>> {
  return new Map(buckets.map((bucket) => [bucket.index, bucket]))
}
