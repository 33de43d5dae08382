import type { PrismaClient } from '../../db/generated/client.ts'
import { pointsOf } from '../model/buckets.ts'
import type { RunPoint } from '../model/events.ts'
import type { MeasuredEpoch } from '../model/measurements.ts'
import { endOf, type HistoryView, type Range } from './attempts.ts'
import { readAttempts, readNextSeq, readPoints, readThinned } from './read.ts'

/** Points in one answer: about 1 MB as JSON. A run of 10,000 epochs may have millions. */
export const MAX_LOSSES = 10_000
/** The fewest points that a history can be thinned to; less than two whole buckets are no chart. */
export const MIN_POINTS = 10

/** What an epoch came to, and which attempt of the run trained it. */
export interface RunEpoch extends MeasuredEpoch {
  attempt: number
  /** Steps done at its end. */
  step: number
}

export interface LossesQuery extends Range {
  /** MIN_POINTS to MAX_LOSSES: thinned to so many; null for all as they are, as far as `first` goes. */
  maxPoints: number | null
  /** Only the first so many, 1 to MAX_LOSSES: that when left out. Without `maxPoints`. */
  first?: number
}

/** What a run has been through, as its database rows tell it. */
export interface RunHistory {
  /** Loss points by step, and those of one step by attempt. */
  losses(runId: string, query: LossesQuery): Promise<RunPoint[]>
  /** By epoch, and those of one epoch by attempt. */
  epochs(runId: string, view: HistoryView): Promise<RunEpoch[]>
  /**
   * Where a reader of the journal goes on who has seen the points of an attempt up to a step, and all of earlier ones.
   * @param attempt  undefined for the first one that got so far: the reader may not have seen more
   */
  placeBehind(runId: string, step: number, attempt: number | undefined): Promise<Place>
}

export interface Place {
  /** Of the first event with points that the reader has not seen; null when there is none yet. */
  seq: number | null
  /** Whether a point of this event or of a later one is among those. */
  isNew(point: RunPoint): boolean
}

export function createRunHistory(prisma: PrismaClient): RunHistory {
  return {
    async losses(runId, { maxPoints, first = MAX_LOSSES, ...range }) {
      const attempts = await readAttempts(prisma, runId)
      if (maxPoints === null) return readPoints(prisma, runId, attempts, { ...range, limit: first })
      const { buckets } = await readThinned(prisma, runId, attempts, { ...range, maxPoints })
      return pointsOf(buckets).sort((one, other) => one.step - other.step || one.attempt - other.attempt)
    },
    async epochs(runId, view) {
      const epochs = await prisma.epochSummary.findMany({
        where: { runId },
        orderBy: [{ epoch: 'asc' }, { attempt: 'asc' }],
      })
      if (view === 'RAW') return epochs
      const attempts = await readAttempts(prisma, runId)
      const ends = new Map(attempts.map(({ attempt }) => [attempt, endOf(attempts, attempt)]))
      const effective = epochs.filter(
        ({ attempt, step }) => step <= (ends.get(attempt) ?? endOf(attempts, attempt)),
      )
      // A checkpoint from just before the test of an epoch: the next attempt tests it again, without a new step.
      return effective.filter(({ epoch }, i) => epoch !== effective[i + 1]?.epoch)
    },
    async placeBehind(runId, step, attempt) {
      const attempts = await readAttempts(prisma, runId)
      const seen = attempt ?? (attempts.find(({ last }) => last >= step) ?? attempts.at(-1))?.attempt ?? 1
      return {
        seq: await readNextSeq(prisma, runId, { attempt: seen, step }),
        isNew: (point) => point.attempt > seen || (point.attempt === seen && point.step > step),
      }
    },
  }
}
