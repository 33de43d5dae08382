import type { EngineKind } from '../../engine/report.ts'
import { analyze, type LayerInfo } from '../../zoo/analysis.ts'
import type { Architecture } from '../../zoo/architecture.ts'
import { EVALUATION_BATCH, type Optimizer } from '../model/hyperparameters.ts'
import { fusedActivations, plainActivations } from './activations.ts'

/** What the process of a run needs, in bytes: the parts of its peak. */
export interface TrainingMemory {
  /** Node, TensorFlow.js and the code of both. */
  process: number
  /** All images of the data set, whatever part of them is used. */
  dataset: number
  weights: number
  gradients: number
  /** What the optimizer keeps for each weight: a velocity, or two means. */
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
  engine: EngineKind
  /** Of the whole data set in memory. */
  datasetBytes: number
}

const MIB = 2 ** 20
const FLOAT = 4

/** Measured: 110 to 160 MiB, whatever the network (bench/plan.ts). */
const PROCESS_BYTES = 128 * MIB
/** Planes of tiles that the Winograd kernels fill at a time: BYTES in native/src/isa/winograd_gradient.h. */
const MOST_TILE_BYTES = 40 * MIB
/** Values of a transformed 6x6 tile or 3x3 filter. */
const PLANES = 36
/** Free memory that the native engine's pool keeps beyond as much as is in use: SPARE_BYTES in buffer-pool.ts. */
const POOL_SPARE_BYTES = 128 * MIB
/** What it lets go may lie around until V8 collects it: seldom more than this. */
const MOST_GARBAGE_BYTES = 128 * MIB

/**
 * The peak of a run's resident memory, by what the engine keeps. Within 25 % of what runs show on `native` and `wasm`
 * (`npm run bench -- plan`); on a graphics card the same numbers are an estimate, and most of it lies on the card.
 */
export function trainingMemory(architecture: Architecture, options: TrainingMemoryOptions): TrainingMemory {
  const { batchSize, optimizer, engine, datasetBytes } = options
  const { layers, parameterCount } = analyze(architecture)
  const inputSize = architecture.inputShape.reduce((product, length) => product * length, 1)
  const convolutions = convolutionsOf(layers, architecture.inputShape[2], batchSize)
  const weights = FLOAT * parameterCount
  const largest = FLOAT * Math.max(...layers.map((layer) => layer.parameterCount))
  const parts = {
    process: PROCESS_BYTES,
    dataset: datasetBytes,
    weights,
    gradients: weights,
    optimizer: weights * slotsOf(optimizer),
    saving: 2 * largest,
  }
  const filters = Math.max(0, ...convolutions.map(({ filterBytes }) => filterBytes))
  const scratch = Math.max(0, ...convolutions.map(({ filterBytes, tileBytes }) => filterBytes + tileBytes))

  if (engine === 'NATIVE') {
    const { training, inference, largest: widest } = fusedActivations(layers, inputSize)
    const activations = FLOAT * batchSize * training
    // In a step each layer's filter is ordered and let go again, and the memory serves others half its size and more.
    const step = activations + 1.5 * filters
    const allFilters = convolutions.reduce((sum, { filterBytes }) => sum + filterBytes, 0)
    const evaluation = FLOAT * EVALUATION_BATCH * inference + allFilters
    // A pool that has more free than it may keep lets blocks go and makes new ones, batch after batch.
    const kept = POOL_SPARE_BYTES + weights + parts.optimizer
    const excess = weights + Math.max(step, Math.max(step, evaluation) - 2 * allFilters) - kept
    const block = FLOAT * Math.max(batchSize, EVALUATION_BATCH) * widest
    // It has no kernel for this layer: JavaScript's has arrays of its own.
    const scripted = layers.some(({ kind }) => kind === 'LRN')
    const garbage = excess > 0 || scripted ? Math.min(MOST_GARBAGE_BYTES, Math.max(excess, block)) : 0
    return { ...parts, activations, workspace: scratch + garbage + Math.max(step, evaluation) - activations }
  }
  const { training, inference } = plainActivations(layers, inputSize)
  const activations = FLOAT * batchSize * training
  // The optimizer's copies come when the activations are gone.
  const copies = Math.max(0, stepCopies(optimizer) * largest - activations)
  const evaluation = FLOAT * EVALUATION_BATCH * inference
  return { ...parts, activations, workspace: scratch + copies + evaluation }
}

export function totalBytes(memory: TrainingMemory): number {
  return Object.values(memory).reduce((sum: number, bytes: number) => sum + bytes, 0)
}

function slotsOf(optimizer: Optimizer): number {
  return optimizer.kind === 'adam' ? 2 : optimizer.momentum > 0 ? 1 : 0
}

/**
 * Copies of the largest weight that are alive at once where the rules of src/trainer/optimizer.ts are operations
 * of TensorFlow.js: all of a tidy's.
 */
function stepCopies(optimizer: Optimizer): number {
  if (optimizer.kind === 'adam') return 12
  return (optimizer.momentum > 0 ? 4 : 2) + (optimizer.weightDecay > 0 ? 2 : 0) + (optimizer.nesterov ? 2 : 0)
}

/** Of each convolution: its filter as kernels read it, and the tiles of Winograd's algorithm, in bytes. */
function convolutionsOf(
  layers: readonly LayerInfo[],
  inputChannels: number,
  batchSize: number,
): { filterBytes: number; tileBytes: number }[] {
  let channels = inputChannels
  return layers
    .filter(({ kind }) => kind === 'CONV')
    .map(({ kernelSize, outputShape: [height, width, filters] }) => {
      const inputs = channels
      channels = filters
      const taps = kernelSize![0] * kernelSize![1]
      const tiles = Math.ceil(height / 4) * Math.ceil(width / 4)
      // As winogradFits in native/src/isa/table.h, for the widest vectors.
      const winograd =
        taps === 9 &&
        [inputs, filters].every((it) => it >= 32 && it % 16 === 0) &&
        10 * tiles < height * width
      if (!winograd) return { filterBytes: FLOAT * taps * inputs * filters, tileBytes: 0 }
      const tileBytes = FLOAT * PLANES * (inputs + filters) * tiles * batchSize
      return {
        filterBytes: FLOAT * PLANES * inputs * filters,
        tileBytes: Math.min(MOST_TILE_BYTES, tileBytes),
      }
    })
}
