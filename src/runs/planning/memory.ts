import { memoryModelOf } from '../../engine/memory-models.ts'
import type { EngineKind } from '../../engine/report.ts'
import { FLOAT } from '../../engine/training-memory.ts'
import { picturesAtOnce, resultsAtOnce } from '../../models/pictures-at-once.ts'
import { analyze } from '../../zoo/analysis.ts'
import type { Architecture } from '../../zoo/architecture.ts'
import { outlineOf } from '../../zoo/layer-memory.ts'
import { type FrozenWork, NOTHING_FROZEN } from '../model/frozen.ts'
import { type Optimizer, slotsOf } from '../model/hyperparameters.ts'

/** What the process of a run needs, in bytes: the parts of its peak. */
export interface TrainingMemory {
  /** Node, TensorFlow.js and the code of both. */
  process: number
  /** Images that stay in memory, and batches of them that are made ahead. */
  dataset: number
  weights: number
  /** Of the weights that are trained. */
  gradients: number
  /** What the optimizer keeps for each of these: a velocity, or two means. */
  optimizer: number
  /** What layers make of a batch on the way there and back. */
  activations: number
  /** What kernels work in, filters in another order, and what an evaluation needs beyond a step. */
  workspace: number
  /** Two copies of the largest tensor, while the weights are saved: as it lies, and in PyTorch's order. */
  saving: number
}

export interface TrainingMemoryOptions {
  batchSize: number
  optimizer: Optimizer
  /** Null where none can run here. */
  engine: EngineKind | null
  /** See batchMemory. */
  datasetBytes: number
  /** Nothing when left out. */
  frozen?: FrozenWork
}

/** Measured: 110 to 160 MiB, whatever the network (bench/plan.ts). */
const PROCESS_BYTES = 128 * 2 ** 20

/**
 * The peak of a run's resident memory, by what the engine keeps. Within 25 % of what runs show on `native` and `wasm`
 * (`npm run bench -- plan`); on a graphics card the same numbers are an estimate, and most of it lies on the card.
 */
export function trainingMemory(architecture: Architecture, options: TrainingMemoryOptions): TrainingMemory {
  const { batchSize, optimizer, engine, datasetBytes, frozen = NOTHING_FROZEN } = options
  const { layers, parameterCount } = analyze(architecture)
  const [height, width] = architecture.inputShape
  const weights = FLOAT * parameterCount
  const trained = layers.slice(frozen.layers)
  const gradients = FLOAT * trained.reduce((sum, layer) => sum + layer.parameterCount, 0)
  const kept = gradients * slotsOf(optimizer)
  const memory = memoryModelOf(engine)
  const evaluationBatch = picturesAtOnce([height, width])
  const all = { weights, optimizer: kept }
  const needs = memory.of({
    ...outlineOf(architecture, { from: frozen.layers }),
    ...all,
    evaluationBatch: frozen.isKept ? resultsAtOnce(architecture, frozen.layers) : evaluationBatch,
    batchSize,
    largestWeight: largestOf(trained),
    stepCopies: stepCopies(optimizer),
  })
  if (frozen.layers > 0) {
    // In prediction alone, and before the others: a batch of one is next to nothing.
    const first = memory.of({
      ...outlineOf(architecture, { to: frozen.layers }),
      ...all,
      batchSize: 1,
      evaluationBatch: frozen.isKept ? evaluationBatch : Math.max(evaluationBatch, batchSize),
      largestWeight: 0,
      stepCopies: 0,
    })
    needs.workspace = Math.max(needs.workspace, first.activations + first.workspace - needs.activations)
  }
  return {
    process: PROCESS_BYTES,
    dataset: datasetBytes,
    weights,
    gradients,
    optimizer: kept,
    ...needs,
    saving: 2 * largestOf(layers),
  }
}

function largestOf(layers: readonly { parameterCount: number }[]): number {
  return FLOAT * Math.max(...layers.map((layer) => layer.parameterCount))
}

export function totalBytes(memory: TrainingMemory): number {
  return Object.values(memory).reduce((sum: number, bytes: number) => sum + bytes, 0)
}

/**
 * Copies of the largest weight that are alive at once where the rules of src/trainer/optimizer.ts are operations
 * of TensorFlow.js: all of a tidy's.
 */
function stepCopies(optimizer: Optimizer): number {
  if (optimizer.kind === 'adam') return 12
  return (optimizer.momentum > 0 ? 4 : 2) + (optimizer.weightDecay > 0 ? 2 : 0) + (optimizer.nesterov ? 2 : 0)
}
