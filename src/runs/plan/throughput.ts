import { isDeepStrictEqual } from 'node:util'
import type { PrismaClient } from '../../db/generated/client.ts'
import type { EngineReport } from '../../engine/report.ts'
import { analyze } from '../../zoo/analysis.ts'
import type { Architecture } from '../../zoo/architecture.ts'
import type { Hyperparameters } from '../hyperparameters.ts'

/** So many of the newest runs are looked at. */
const MOST_RUNS = 200

export interface Workload {
  /** Fitted to the data set. */
  architecture: Architecture
  dataset: string
  batchSize: number
  engine: Pick<EngineReport, 'kind' | 'device'>
}

/**
 * Images per second that a training would have, by what runs on the same engine and device had: those of the very
 * network, else of the one that is nearest in multiply-adds, in proportion to them; at the nearest batch size. Null
 * when no run tells.
 * @param find  the network of a run, fitted to its data set; undefined where it is not known any more
 */
export async function expectedThroughput(
  prisma: PrismaClient,
  { architecture, dataset, batchSize, engine }: Workload,
  find: (name: string) => Architecture | undefined,
): Promise<number | null> {
  const runs = await prisma.trainingRun.findMany({
    where: {
      dataset,
      imagesPerSecond: { gt: 0 },
      AND: [
        { engine: { path: ['kind'], equals: engine.kind } },
        { engine: { path: ['device'], equals: engine.device } },
      ],
    },
    select: { architecture: true, hyperparameters: true, imagesPerSecond: true },
    orderBy: { number: 'desc' },
    take: MOST_RUNS,
  })
  const wanted = analyze(architecture).multiplyAdds
  const shown = runs.flatMap((run) => {
    const theirs = find(run.architecture)
    if (theirs === undefined || run.imagesPerSecond === null) return []
    const { multiplyAdds } = analyze(theirs)
    return {
      same: isSameNetwork(theirs, architecture),
      distance: distance(multiplyAdds, wanted),
      batchDistance: distance((run.hyperparameters as unknown as Hyperparameters).batchSize, batchSize),
      imagesPerSecond: (run.imagesPerSecond * multiplyAdds) / wanted,
    }
  })
  // A stable sort: of equals the newest stays first.
  const [best] = shown.sort(
    (one, other) =>
      Number(other.same) - Number(one.same) ||
      one.distance - other.distance ||
      one.batchDistance - other.batchDistance,
  )
  return best?.imagesPerSecond ?? null
}

/** Of two positive numbers: twice as much is as far as half as much. */
function distance(one: number, other: number): number {
  return Math.abs(Math.log(one / other))
}

/** Whether two networks compute the same, whatever they are called. */
function isSameNetwork(one: Architecture, other: Architecture): boolean {
  const essence = ({ features, batchNorm, inputShape, classes, head }: Architecture) => {
    return { features, batchNorm, inputShape, classes, head }
  }
  return isDeepStrictEqual(essence(one), essence(other))
}
