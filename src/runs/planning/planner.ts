import { batchMemory } from '../../data/dataset-batches.ts'
import type { DatasetFacts } from '../../data/dataset-facts.ts'
import type { PrismaClient } from '../../db/generated/client.ts'
import { memoryModelOf } from '../../engine/memory-models.ts'
import type { EngineReport } from '../../engine/report.ts'
import { FLOAT } from '../../engine/training-memory.ts'
import { ValidationError } from '../../errors.ts'
import type { Architecture } from '../../zoo/architecture.ts'
import { fitToDataset } from '../../zoo/fit.ts'
import type { ArchitectureRegistry } from '../../zoo/registry.ts'
import { type Freeze, frozenPart } from '../../zoo/transfer.ts'
import { whyNotTrainable } from '../lifecycle/wanted-run.ts'
import { type Optimizer, resolveHyperparameters } from '../model/hyperparameters.ts'
import { type FrozenWork, workOf } from './frozen.ts'
import { type TrainingMemory, totalBytes, trainingMemory } from './memory.ts'
import { epochCost, NO_LIMITS } from './pace.ts'
import { readShownRuns, type Throughput, throughputOf } from './throughput.ts'

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
}

export interface PlanInput {
  /** Name of the data set that would be learned from. */
  dataset: string
  batchSize: number
  /** As a run's when left out. */
  optimizer?: Optimizer
  /** Layers that would be frozen; NONE when left out. */
  freeze?: Freeze
  /** Whether pictures would be changed at random; so when left out. */
  isAugmented?: boolean
}

export interface Planner {
  /**
   * Plans a run of this network, fitted to the data set as a run would fit it. Throws ValidationError: it cannot be
   * trained on it, there is no such data set, or a value is out of its bounds.
   */
  plan(architecture: Architecture, input: PlanInput): Promise<ArchitecturePlan>
}

export interface PlannerOptions {
  prisma: PrismaClient
  architectures: Pick<ArchitectureRegistry, 'find'>
  datasetFacts(name: string): DatasetFacts | undefined
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
  async function secondsPerEpoch(
    architecture: Architecture,
    batchSize: number,
    frozen: FrozenWork,
    dataset: DatasetFacts,
    engine: EngineReport,
  ): Promise<number | null> {
    const shown = await readShownRuns(options.prisma, { dataset: dataset.name, engine }, (name) =>
      options.architectures.find(name, dataset),
    )
    const tried = shown.length > 0 ? null : await options.tried(engine)
    const imagesPerSecond = throughputOf(tried === null ? shown : [tried], {
      architecture,
      batchSize,
      frozen,
    })
    const cost = epochCost(dataset, NO_LIMITS, workOf(architecture, frozen))
    return imagesPerSecond === null ? null : cost / imagesPerSecond
  }

  return {
    async plan(architecture, { dataset: name, batchSize, optimizer, freeze = 'NONE', isAugmented = true }) {
      const dataset = options.datasetFacts(name)
      if (dataset === undefined) {
        throw new ValidationError([{ path: ['dataset'], message: `There is no data set "${name}".` }])
      }
      const fitted = fitToDataset(architecture, dataset)
      const resolved = resolveHyperparameters(
        { batchSize, optimizer },
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
      const frozen = { layers: part.layers, isKept: part.layers > 0 && !isAugmented }
      const engine = await options.engine()
      const memory = trainingMemory(fitted, {
        batchSize,
        optimizer: resolved.hyperparameters.optimizer,
        engine: engine?.kind ?? null,
        datasetBytes: batchMemory(dataset, batchSize),
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
        secondsPerEpoch: async () =>
          engine === null ? null : secondsPerEpoch(fitted, batchSize, frozen, dataset, engine),
      }
    },
  }
}
