import { batchMemory } from '../../data/dataset-batches.ts'
import type { DatasetFacts } from '../../data/dataset-facts.ts'
import type { Datasets } from '../../data/datasets.ts'
import type { PrismaClient } from '../../db/generated/client.ts'
import { memoryModelOf } from '../../engine/memory-models.ts'
import type { EngineReport } from '../../engine/report.ts'
import { FLOAT } from '../../engine/training-memory.ts'
import { ValidationError } from '../../errors.ts'
import { picturesAtOnce } from '../../models/pictures-at-once.ts'
import type { Architecture } from '../../zoo/architecture.ts'
import { fitToDataset } from '../../zoo/fit.ts'
import { type Freeze, frozenPart } from '../../zoo/transfer.ts'
import { whyNotTrainable } from '../lifecycle/wanted-run.ts'
import {
  type FrozenWork,
  frozenWork,
  imagesIn,
  keptBytes,
  type Lesson,
  NOTHING_FROZEN,
  PARTS,
  recordBytes,
  workOf,
} from '../model/frozen.ts'
import { type Optimizer, resolveHyperparameters } from '../model/hyperparameters.ts'
import { type TrainingMemory, totalBytes, trainingMemory } from './memory.ts'
import { epochCost } from './pace.ts'
import { type Known, readShownRuns, type Throughput, throughputOf } from './throughput.ts'

/** What training a network here would take. Nothing is stored and nothing computed on an engine to know it. */
export interface ArchitecturePlan {
  /** As it was given, not as it would be fitted. */
  architecture: Architecture
  /** What it is planned for; null when no engine can run here. */
  engine: EngineReport['kind'] | null
  memory: TrainingMemory
  /** Weights that are trained: those of all layers that are not frozen. */
  trainableParameters: number
  /** All of its parts together. */
  trainingMemoryBytes: number
  /** Whether this machine has as much for a trainer. */
  fits: boolean
  /** A pass over the training images and one over the test images; null until a run has shown how fast this machine is. */
  secondsPerEpoch(): Promise<number | null>
  /** What the frozen layers make of the pictures, computed once before the first epoch; null where that is not kept. */
  frozenResults: {
    /** On the disk. */
    bytes: number
    /** To compute it; null where secondsPerEpoch is. */
    seconds(): Promise<number | null>
  } | null
}

export interface PlanInput {
  /** Data set that would be learned from, as inputs name it: "pets@2". */
  dataset: string
  batchSize: number
  /** As a run's when left out. */
  optimizer?: Optimizer
  /** Layers that would be frozen; NONE when left out. */
  freeze?: Freeze
  /** Whether pictures would be changed at random; so when left out. */
  isAugmented?: boolean
  /** All images when left out. */
  trainLimit?: number
  testLimit?: number
}

export interface Planner {
  /**
   * Plans a run of this network, fitted to the data set as a run would fit it. Throws ValidationError: it cannot be
   * trained on it, there is no such data set, or a value is out of its bounds.
   */
  plan(architecture: Architecture, input: PlanInput): Promise<ArchitecturePlan>
}

export interface PlannerOptions extends Known {
  prisma: PrismaClient
  datasets: Pick<Datasets, 'whyNot'> & { get(reference: string): { facts: DatasetFacts } | undefined }
  maxParameters: number
  engine(): Promise<EngineReport | null>
  /** What the engine was seen to do when it was tried; null where it could not be. Asked where no run tells. */
  tried(engine: EngineReport): Promise<Throughput | null>
  /** The machine's, or the container's. */
  memoryBytes: number
}

/** The predictor process with its engine and a small network: 150 MB to 250 MB. */
const PREDICTOR_BYTES = 256 * 2 ** 20

export function createPlanner(options: PlannerOptions): Planner {
  /** Images per second that a run here would have; null where nothing tells. */
  async function speedOf(
    architecture: Architecture,
    batchSize: number,
    frozen: FrozenWork,
  ): Promise<number | null> {
    const engine = await options.engine()
    if (engine === null) return null
    const shown = await readShownRuns(options.prisma, engine, options)
    const tried = shown.length > 0 ? null : await options.tried(engine)
    return throughputOf(tried === null ? shown : [tried], { architecture, batchSize, frozen })
  }

  return {
    async plan(architecture, { dataset: reference, batchSize, optimizer, freeze = 'NONE', ...input }) {
      const { isAugmented = true, trainLimit, testLimit } = input
      const dataset = options.datasets.get(reference)?.facts
      if (dataset === undefined) {
        throw new ValidationError([{ path: ['dataset'], message: options.datasets.whyNot(reference) }])
      }
      const fitted = fitToDataset(architecture, dataset)
      const resolved = resolveHyperparameters(
        { batchSize, optimizer, trainLimit, testLimit },
        architecture.batchNorm,
        dataset.normalization,
      )
      const reason = whyNotTrainable(fitted, options.maxParameters)
      if ('issues' in resolved || reason !== null) {
        const issues = 'issues' in resolved ? resolved.issues : []
        if (reason !== null) issues.push({ path: ['features'], message: reason })
        throw new ValidationError(issues)
      }
      const part = frozenPart(fitted, freeze)
      if (typeof part === 'string') throw new ValidationError([{ path: ['freeze', 'upTo'], message: part }])
      const lesson = { architecture: fitted, count: dataset.count, limits: resolved.hyperparameters }
      const frozen = frozenWork(lesson, part.layers, isAugmented)
      const engine = await options.engine()
      const memory = trainingMemory(fitted, {
        batchSize,
        optimizer: resolved.hyperparameters.optimizer,
        engine: engine?.kind ?? null,
        datasetBytes: datasetBytes(dataset, lesson, batchSize, frozen),
        frozen,
      })
      const trainingMemoryBytes = totalBytes(memory)
      const free = options.memoryBytes - process.memoryUsage.rss() - PREDICTOR_BYTES
      const tensors = trainingMemoryBytes - memory.process - memory.dataset
      return {
        architecture,
        engine: engine?.kind ?? null,
        memory,
        trainableParameters: memory.gradients / FLOAT,
        trainingMemoryBytes,
        fits: trainingMemoryBytes <= free && tensors <= memoryModelOf(engine?.kind ?? null).most,
        async secondsPerEpoch() {
          const speed = await speedOf(fitted, batchSize, frozen)
          return speed === null ? null : epochCost(lesson, workOf(fitted, frozen)) / speed
        },
        frozenResults: frozen.isKept
          ? {
              bytes: keptBytes(lesson, frozen.layers),
              async seconds() {
                const speed = await speedOf(fitted, batchSize, NOTHING_FROZEN)
                const { train, test } = imagesIn(lesson)
                const { training } = workOf(fitted, NOTHING_FROZEN)
                const share = workOf(fitted, frozen).frozen / (PARTS * training)
                return speed === null ? null : ((train + test) * share) / speed
              },
            }
          : null,
      }
    },
  }
}

/** Images are read to train on them, or once before that, and then what frozen layers made of them. */
function datasetBytes(
  dataset: DatasetFacts,
  { architecture }: Lesson,
  batchSize: number,
  { layers, isKept }: FrozenWork,
): number {
  if (!isKept) return batchMemory(dataset, batchSize)
  const [height, width] = architecture.inputShape
  return batchMemory(dataset, picturesAtOnce([height, width])) + batchSize * recordBytes(architecture, layers)
}
