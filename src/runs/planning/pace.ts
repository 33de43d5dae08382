import type { PrismaClient } from '../../db/generated/client.ts'
import type { EngineReport } from '../../engine/report.ts'
import { type FrozenWork, imagesIn, type Lesson, NOTHING_FROZEN, PARTS, workOf } from '../model/frozen.ts'
import { distance, isSameTraining, type Known, readShownRuns, throughputOf } from './throughput.ts'

/**
 * What an epoch costs, in training images: its training and the test after it.
 * @param work  of an image (workOf); that of a network of which nothing is frozen when left out
 */
export function epochCost(
  lesson: Omit<Lesson, 'architecture'>,
  work: { training: number; testing: number } = { training: 1, testing: 1 },
): number {
  const { train, test } = imagesIn(lesson)
  return train + (test * work.testing) / (PARTS * work.training)
}

/** How long epochs take here, by what earlier ones took. */
export interface Pace {
  /**
   * Seconds: as long as the newest epoch of the very network took, at the nearest batch size and in proportion to the
   * images; before there is one, by images per second (throughputOf). Null when no run tells.
   */
  secondsPerEpoch(lesson: Lesson, batchSize: number, frozen?: FrozenWork): number | null
}

export async function readPace(prisma: PrismaClient, engine: EngineReport, known: Known): Promise<Pace> {
  const shown = await readShownRuns(prisma, engine, known)
  const seconds = await readNewestEpochs(
    prisma,
    shown.map(({ id }) => id),
  )
  const estimated = new Map<string, number | null>()
  return {
    secondsPerEpoch(lesson, batchSize, frozen = NOTHING_FROZEN) {
      const { architecture, count, limits } = lesson
      const { name, inputShape, classes } = architecture
      const { train, test } = imagesIn({ count, limits })
      const key = JSON.stringify([name, inputShape, classes, train, test, batchSize, frozen])
      if (!estimated.has(key)) estimated.set(key, estimate(lesson, batchSize, frozen))
      return estimated.get(key)!
    },
  }

  function estimate(lesson: Lesson, batchSize: number, frozen: FrozenWork): number | null {
    const { architecture } = lesson
    const work = workOf(architecture, frozen)
    const cost = epochCost(lesson, work)
    const [nearest] = shown
      .filter((run) => seconds.has(run.id) && isSameTraining(run, { architecture, frozen }))
      // A stable sort: of equals the newest stays first.
      .sort((one, other) => distance(one.batchSize, batchSize) - distance(other.batchSize, batchSize))
    if (nearest !== undefined) {
      const { id, count, hyperparameters: limits } = nearest
      return (seconds.get(id)! * cost) / epochCost({ count, limits }, work)
    }
    const imagesPerSecond = throughputOf(shown, { architecture, batchSize, frozen })
    return imagesPerSecond === null ? null : cost / imagesPerSecond
  }
}

/** The seconds of each run's newest epoch, by run. */
async function readNewestEpochs(prisma: PrismaClient, runIds: string[]): Promise<Map<string, number>> {
  const rows = await prisma.$queryRaw<{ runId: string; seconds: number }[]>`
    SELECT run."id" AS "runId", newest."seconds"
    FROM json_array_elements_text(${JSON.stringify(runIds)}::json) AS run ("id")
    CROSS JOIN LATERAL (
      SELECT "seconds" FROM "EpochSummary" WHERE "runId" = run."id"
      ORDER BY "attempt" DESC, "epoch" DESC LIMIT 1
    ) AS newest`
  return new Map(rows.map(({ runId, seconds }) => [runId, seconds]))
}
