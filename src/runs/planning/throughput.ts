import { isDeepStrictEqual } from 'node:util'
import type { DatasetFacts } from '../../data/dataset-facts.ts'
import type { PrismaClient } from '../../db/generated/client.ts'
import type { EngineReport } from '../../engine/report.ts'
import type { Architecture } from '../../zoo/architecture.ts'
import { type FrozenWork, frozenOf, NOTHING_FROZEN, workOf } from '../model/frozen.ts'
import type { Hyperparameters } from '../model/hyperparameters.ts'
import { columnOf } from '../model/run.ts'

/** So many of the newest runs are looked at. */
const MOST_RUNS = 200

export interface Workload {
  /** Fitted to the data set. */
  architecture: Architecture
  batchSize: number
  /** Nothing when left out. */
  frozen?: FrozenWork
}

/** What is known of what runs learn from, and with. */
export interface Known {
  /** Fitted to the data set; undefined where it is not known any more. */
  findArchitecture(name: string, dataset: string): Architecture | undefined
  /** Also of one that was deleted since. */
  datasetFacts(reference: string): DatasetFacts | undefined
}

/** How fast something was trained. */
export interface Throughput extends Workload {
  /** For a training image (workOf). */
  multiplyAdds: number
  imagesPerSecond: number
}

/** What a run has shown. */
export interface ShownRun extends Throughput {
  id: string
  hyperparameters: Hyperparameters
  /** Of the data set that it learned from. */
  count: DatasetFacts['count']
}

/** What the newest runs on this engine and device have shown, newest first, whatever they learned from. */
export async function readShownRuns(
  prisma: PrismaClient,
  engine: Pick<EngineReport, 'kind' | 'device'>,
  known: Known,
): Promise<ShownRun[]> {
  const runs = await prisma.trainingRun.findMany({
    where: {
      imagesPerSecond: { gt: 0 },
      AND: [
        { engine: { path: ['kind'], equals: engine.kind } },
        { engine: { path: ['device'], equals: engine.device } },
      ],
    },
    select: {
      ...{ id: true, architecture: true, dataset: true },
      ...{ hyperparameters: true, transfer: true, imagesPerSecond: true },
    },
    orderBy: { number: 'desc' },
    take: MOST_RUNS,
  })
  // Many runs are of a few networks.
  const networks = new Map<string, Architecture | undefined>()
  const networkOf = (name: string, dataset: string) => {
    const key = `${name} ${dataset}`
    if (!networks.has(key)) networks.set(key, known.findArchitecture(name, dataset))
    return networks.get(key)
  }
  return runs.flatMap((run) => {
    const { id, imagesPerSecond, dataset } = run
    const count = known.datasetFacts(dataset)?.count
    const architecture = count && networkOf(run.architecture, dataset)
    if (architecture === undefined || count === undefined || imagesPerSecond === null) return []
    const hyperparameters = columnOf(run, 'hyperparameters')
    const { batchSize } = hyperparameters
    const transfer = columnOf(run, 'transfer')
    const frozen = frozenOf({ hyperparameters, transfer }, { architecture, count })
    const multiplyAdds = workOf(architecture, frozen).training
    return { id, architecture, frozen, multiplyAdds, hyperparameters, count, batchSize, imagesPerSecond }
  })
}

/**
 * Images per second that a training would have, by what others on the same engine and device had: those of the very
 * network, else of the one that is nearest in multiply-adds, in proportion to them; at the nearest batch size. Null
 * when there are none.
 */
export function throughputOf(
  shown: readonly Throughput[],
  { architecture, batchSize, frozen = NOTHING_FROZEN }: Workload,
): number | null {
  const wanted = workOf(architecture, frozen).training
  const compared = shown.map((run) => ({
    same: isSameTraining(run, { architecture, frozen }),
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

/** Whether two networks compute the same in training, whatever they are called. */
export function isSameTraining(
  one: Pick<Workload, 'architecture' | 'frozen'>,
  other: Pick<Workload, 'architecture' | 'frozen'>,
): boolean {
  const essence = ({ architecture, frozen = NOTHING_FROZEN }: Pick<Workload, 'architecture' | 'frozen'>) => {
    const { features, batchNorm, inputShape, classes, head } = architecture
    return { features, batchNorm, inputShape, classes, head, frozen }
  }
  return isDeepStrictEqual(essence(one), essence(other))
}
