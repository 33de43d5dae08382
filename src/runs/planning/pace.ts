import type { DatasetFacts } from '../../data/dataset-facts.ts'
import type { PrismaClient } from '../../db/generated/client.ts'
import type { EngineReport } from '../../engine/report.ts'
import type { Architecture } from '../../zoo/architecture.ts'
import type { Hyperparameters } from '../model/hyperparameters.ts'
import { type FrozenWork, NOTHING_FROZEN, workOf } from './frozen.ts'
import { distance, isSameTraining, readShownRuns, throughputOf } from './throughput.ts'

type Limits = Pick<Hyperparameters, 'trainLimit' | 'testLimit'>
export const NO_LIMITS: Limits = { trainLimit: null, testLimit: null }

/** A forward pass has one of the three parts of a training step: the other two are the gradients. */
const TRAINING_COST = 3

/**
 * What an epoch costs, in training images: its training and the test after it.
 * @param work  of an image (workOf); that of a network of which nothing is frozen when left out
 */
export function epochCost(
  { count }: Pick<DatasetFacts, 'count'>,
  { trainLimit, testLimit }: Limits,
  work: { training: number; testing: number } = { training: 1, testing: 1 },
): number {
  const train = Math.min(trainLimit ?? count.train, count.train)
  const test = Math.min(testLimit ?? count.test, count.test)
  return train + (test * work.testing) / (TRAINING_COST * work.training)
}

/** How long epochs take here, by what earlier ones took. */
export interface Pace {
  /**
   * Seconds: as long as the newest epoch of the very network took, at the nearest batch size and in proportion to the
   * images; before there is one, by images per second (throughputOf). Null when no run tells.
   */
  secondsPerEpoch(
    architecture: Architecture,
    hyperparameters: Limits & Pick<Hyperparameters, 'batchSize'>,
    frozen?: FrozenWork,
  ): number | null
}

/** @param find  the network of a run, fitted to its data set; undefined where it is not known any more */
export async function readPace(
  prisma: PrismaClient,
  { dataset, engine }: { dataset: DatasetFacts; engine: EngineReport },
  find: (name: string) => Architecture | undefined,
): Promise<Pace> {
  const shown = await readShownRuns(prisma, { dataset: dataset.name, engine }, find)
  const seconds = await readNewestEpochs(
    prisma,
    shown.map(({ id }) => id),
  )
  const known = new Map<string, number | null>()
  return {
    secondsPerEpoch(architecture, hyperparameters, frozen = NOTHING_FROZEN) {
      const { batchSize, trainLimit, testLimit } = hyperparameters
      const key = JSON.stringify([architecture.name, batchSize, trainLimit, testLimit, frozen])
      if (!known.has(key)) known.set(key, estimate(architecture, hyperparameters, frozen))
      return known.get(key)!
    },
  }

  function estimate(
    architecture: Architecture,
    { batchSize, ...limits }: Limits & Pick<Hyperparameters, 'batchSize'>,
    frozen: FrozenWork,
  ): number | null {
    const work = workOf(architecture, frozen)
    const cost = epochCost(dataset, limits, work)
    const [nearest] = shown
      .filter((run) => seconds.has(run.id) && isSameTraining(run, { architecture, frozen }))
      // A stable sort: of equals the newest stays first.
      .sort((one, other) => distance(one.batchSize, batchSize) - distance(other.batchSize, batchSize))
    if (nearest !== undefined) {
      return (seconds.get(nearest.id)! * cost) / epochCost(dataset, nearest.hyperparameters, work)
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
