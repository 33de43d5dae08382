import { flatMap, newestOfEach } from '../../concurrency/iterate.ts'
import { createSharedReads } from '../../concurrency/shared-reads.ts'
import type { PrismaClient, TrainingRun } from '../../db/generated/client.ts'
import { ValidationError } from '../../errors.ts'
import type { Bus } from '../../ports/bus.ts'
import { findRun, noRun } from '../journal/find-run.ts'
import { followRun, type JournalFeed } from '../journal/follow.ts'
import { ALL_RUNS } from '../journal/journal.ts'
import type { Lagged, RunEvent, RunPoint } from '../model/events.ts'
import { type BucketDelta, createBucketStreams } from './follow-buckets.ts'
import type { RunHistory } from './history.ts'

/** What is told of a run that was deleted: as it was then. */
export type DeletedRun = Pick<TrainingRun, 'id' | 'number' | 'name' | 'status'>

/** A run as it is now, or that it was deleted. */
export type RunNews = { kind: 'changed'; run: TrainingRun } | { kind: 'deleted'; run: DeletedRun }

/** The live streams of runs. */
export interface RunStreams {
  /** The run's events after a cursor; throws NotFoundError, or ValidationError for a cursor that is ahead of the journal. */
  follow(id: string, after: number): Promise<AsyncIterableIterator<RunEvent | Lagged>>
  /** The run's loss points behind a place (RunHistory.placeBehind), as the journal has them. Throws NotFoundError. */
  followLoss(id: string, step: number, attempt?: number): Promise<AsyncIterableIterator<RunPoint>>
  /** The effective loss history, thinned to so many points, and how it changes. Throws NotFoundError. */
  followBuckets(id: string, maxPoints: number): Promise<AsyncIterableIterator<BucketDelta>>
  /** Runs whose row changed, each as it is when the subscriber takes it, and those that were deleted. */
  followRuns(): AsyncIterableIterator<RunNews>
}

export interface StreamOptions extends JournalFeed {
  prisma: PrismaClient
  history: Pick<RunHistory, 'placeBehind'>
  /** Ids of runs that changed, and runs that were deleted. */
  changedRuns: Bus<string | DeletedRun>
}

export function createRunStreams(options: StreamOptions): RunStreams {
  const { prisma, history, changedRuns } = options
  const buckets = createBucketStreams(prisma, options)
  const reads = createSharedReads()

  async function changed(id: string): Promise<RunNews[]> {
    // Of one that was deleted at this moment the next news will tell.
    const run = await prisma.trainingRun.findUnique({ where: { id } })
    return run === null ? [] : [{ kind: 'changed', run }]
  }

  return {
    async follow(id, after) {
      const position = await options.journal.position(id)
      if (position === null) throw noRun()
      if (after > position.seq) await refuseCursorAhead(prisma, id, after)
      return followRun(options, id, after)
    },
    async followLoss(id, step, attempt) {
      // Before the points are looked at: one that is written meanwhile comes behind this place in the journal.
      const { lastSeq } = await findRun(prisma, id)
      const { seq, isNew } = await history.placeBehind(id, step, attempt)
      return flatMap(followRun(options, id, seq === null ? lastSeq : seq - 1), (event) =>
        event.kind === 'LOSS_POINTS' ? event.points.filter(isNew) : [],
      )
    },
    async followBuckets(id, maxPoints) {
      const { lastSeq: seq } = await findRun(prisma, id)
      return buckets.follow(id, { seq, maxPoints })
    },
    followRuns() {
      const news = newestOfEach<DeletedRun | null>(
        (listener) =>
          changedRuns.subscribe(ALL_RUNS, (change) => {
            const [id, deleted] = typeof change === 'string' ? [change, null] : [change.id, change]
            reads.renew(id)
            listener(id, deleted)
          }),
        // That it was deleted is the last word on a run, also when word of a change is late.
        (before, now) => before ?? now,
      )
      return flatMap(news, async ({ id, news: deleted }): Promise<RunNews[]> => {
        return deleted === null ? reads.read(id, '', () => changed(id)) : [{ kind: 'deleted', run: deleted }]
      })
    },
  }
}

/** By the database: another reader of it may know of an event before it is published here. */
async function refuseCursorAhead(prisma: PrismaClient, id: string, after: number): Promise<void> {
  const { lastSeq } = await findRun(prisma, id)
  if (after <= lastSeq) return
  const message = `The cursor is ahead of the run's journal, which ends at ${lastSeq}; it belongs to another run.`
  throw new ValidationError([{ path: ['after'], message }])
}
