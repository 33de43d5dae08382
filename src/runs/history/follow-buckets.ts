import { flatMap } from '../../concurrency/iterate.ts'
import type { PrismaClient } from '../../db/generated/client.ts'
import { followRun, type JournalFeed } from '../journal/follow.ts'
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

/**
 * The effective loss history thinned as losses(maxPoints) thins it: first as it is, then what changes, until the run
 * has ended. It keeps at most `maxPoints` points, and reads the history again only when an attempt cuts it.
 *
 * @param seq  the run's newest event, from before this call
 */
export async function followBuckets(
  prisma: PrismaClient,
  feed: JournalFeed,
  runId: string,
  { seq, maxPoints }: { seq: number; maxPoints: number },
): Promise<AsyncIterableIterator<BucketDelta>> {
  const chart = await openChart(prisma, runId, maxPoints)
  const deltas = flatMap(followRun(feed, runId, seq), async (event) => {
    const delta = await chart.take(event)
    return delta === null ? [] : [delta]
  })
  let isFirst = true
  const stream: AsyncIterableIterator<BucketDelta> = {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      if (!isFirst) return deltas.next()
      isFirst = false
      return { done: false, value: chart.all() }
    },
    async return() {
      isFirst = false
      return deltas.return!()
    },
  }
  return stream
}

/** The buckets of one subscriber. */
interface Chart {
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

  const read = async () => {
    attempts = await readAttempts(prisma, runId)
    const thinned = await readThinned(prisma, runId, attempts, { view: 'EFFECTIVE', afterStep: 0, maxPoints })
    level = thinned.level
    // Without a point there is no event either whose points would be counted twice.
    seen = thinned.seq ?? 0
    buckets = byIndex(thinned.buckets)
  }
  const all = (): BucketDelta => ({ reset: true, bucketSteps: 2 ** level, buckets: [...buckets.values()] })

  function add(points: readonly RunPoint[]): BucketDelta {
    const changed = new Set<number>()
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
