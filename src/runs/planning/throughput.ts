import { isDeepStrictEqual } from 'node:util'
import type { PrismaClient } from '../../db/generated/client.ts'
import type { EngineReport } from '../../engine/report.ts'
import { analyze } from '../../zoo/analysis.ts'
import type { Architecture } from '../../zoo/architecture.ts'
import type { Hyperparameters } from '../model/hyperparameters.ts'
import { columnOf } from '../model/run.ts'

/** So many of the newest runs are looked at. */
const MOST_RUNS = 200

export interface Workload {
  /** Fitted to the data set. */
  architecture: Architecture
  batchSize: number
}

/** Where runs were at work whose speeds can be compared. */
export interface Workplace {
  dataset: string
  engine: Pick<EngineReport, 'kind' | 'device'>
}

/** How fast something was trained. */
export interface Throughput extends Workload {
  /** Of the network. */
  multiplyAdds: number
  imagesPerSecond: number
}

/** What a run has shown. */
export interface ShownRun extends Throughput {
  id: string
  hyperparameters: Hyperparameters
}

/**
 * What the newest runs on this engine and device have shown, newest first.
 * @param find  the network of a run, fitted to its data set; undefined where it is not known any more
 */
export async function readShownRuns(
  prisma: PrismaClient,
  { dataset, engine }: Workplace,
  find: (name: string) => Architecture | undefined,
): Promise<ShownRun[]> {
  const runs = await prisma.trainingRun.findMany({
    where: {
      dataset,
      imagesPerSecond: { gt: 0 },
      AND: [
        { engine: { path: ['kind'], equals: engine.kind } },
        { engine: { path: ['device'], equals: engine.device } },
      ],
    },
    select: { id: true, architecture: true, hyperparameters: true, imagesPerSecond: true },
    orderBy: { number: 'desc' },
    take: MOST_RUNS,
  })
  const networks = new Map(
    [...new Set(runs.map((run) => run.architecture))].flatMap((name) => {
      const architecture = find(name)
      if (architecture === undefined) return []
      return [[name, { architecture, multiplyAdds: analyze(architecture).multiplyAdds }]]
    }),
  )
  return runs.flatMap((run) => {
    const network = networks.get(run.architecture)
    if (network === undefined || run.imagesPerSecond === null) return []
    const hyperparameters = columnOf(run, 'hyperparameters')
    const { batchSize } = hyperparameters
    return { id: run.id, ...network, hyperparameters, batchSize, imagesPerSecond: run.imagesPerSecond }
  })
}

/**
 * Images per second that a training would have, by what others on the same engine and device had: those of the very
 * network, else of the one that is nearest in multiply-adds, in proportion to them; at the nearest batch size. Null
 * when there are none.
 */
export function throughputOf(
  shown: readonly Throughput[],
  { architecture, batchSize }: Workload,
): number | null {
  const wanted = analyze(architecture).multiplyAdds
  const compared = shown.map((run) => ({
    same: isSameNetwork(run.architecture, architecture),
    distance: distance(run.multiplyAdds, wanted),
    batchDistance: distance(run.batchSize, batchSize),
    imagesPerSecond: (run.imagesPerSecond * run.multiplyAdds) / wanted,
  }))
  // A stable sort: of equals the newest stays first.
  const [best] = compared.sort(
    (one, other) =>
      Number(other.same) - Number(one.same) ||
      one.distance - other.distance ||
      one.batchDistance - other.batchDistance,
  )
  return best?.imagesPerSecond ?? null
}

/** Of two positive numbers: twice as much is as far as half as much. */
export function distance(one: number, other: number): number {
  return Math.abs(Math.log(one / other))
}

/** Whether two networks compute the same, whatever they are called. */
export function isSameNetwork(one: Architecture, other: Architecture): boolean {
  const essence = ({ features, batchNorm, inputShape, classes, head }: Architecture) => {
    return { features, batchNorm, inputShape, classes, head }
  }
  return isDeepStrictEqual(essence(one), essence(other))
}
