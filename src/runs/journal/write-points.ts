import type { LossBucket, LossPoint, Prisma } from '../../db/generated/client.ts'
import { addToLossBuckets } from '../../db/loss-buckets.ts'
import { insertLossPoints } from '../../db/loss-points.ts'
import { gather, LEVELS } from '../model/buckets.ts'

/** Writes new loss points of a run with what they add to its buckets. */
export async function writePoints(tx: Prisma.TransactionClient, points: readonly LossPoint[]): Promise<void> {
  if (points.length === 0) return
  await insertLossPoints(tx, points)
  await addToLossBuckets(tx, bucketsOf(points))
}

function bucketsOf(points: readonly LossPoint[]): LossBucket[] {
  const { runId } = points[0]
  const attempts = new Set(points.map(({ attempt }) => attempt))
  return [...attempts].flatMap((attempt) => {
    const own = points.filter((point) => point.attempt === attempt)
    return LEVELS.flatMap((level) =>
      [...gather(own, level).values()].map(({ index, count, finite, sum, min, max, last, nonFinite }) => ({
        runId,
        attempt,
        level,
        bucket: index,
        count,
        finite,
        sum,
        min: min?.loss ?? null,
        minStep: min?.step ?? null,
        max: max?.loss ?? null,
        maxStep: max?.step ?? null,
        last: last.step,
        nonFinite: nonFinite?.step ?? null,
      })),
    )
  })
}
