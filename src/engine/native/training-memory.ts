import {
  type ActivationCounts,
  convolutionBytes,
  type EngineMemory,
  FLOAT,
  plainActivations,
  scratchBytes,
  type TrainingOutline,
} from '../training-memory.ts'

const MIB = 2 ** 20
/** Free memory that the pool keeps beyond as much as is in use: SPARE_BYTES in buffer-pool.ts. */
const POOL_SPARE_BYTES = 128 * MIB
/** What it lets go may lie around until V8 collects it: seldom more than this. */
const MOST_GARBAGE_BYTES = 128 * MIB

export const nativeMemory: EngineMemory = {
  most: Number.POSITIVE_INFINITY,
  of(outline) {
    const { layers, batchSize, evaluationBatch, weights, optimizer } = outline
    const { training, inference, largest } = outline.isChain ? fusedActivations(outline) : unfused(outline)
    const convolutions = convolutionBytes(outline)
    const filters = Math.max(0, ...convolutions.map(({ filterBytes }) => filterBytes))
    const activations = FLOAT * batchSize * training
    // In a step each layer's filter is ordered and let go again, and the memory serves others half its size and more.
    const step = activations + 1.5 * filters
    const allFilters = convolutions.reduce((sum, { filterBytes }) => sum + filterBytes, 0)
    const evaluation = FLOAT * evaluationBatch * inference + allFilters
    // A pool that has more free than it may keep lets blocks go and makes new ones, batch after batch.
    const kept = POOL_SPARE_BYTES + weights + optimizer
    const excess = weights + Math.max(step, Math.max(step, evaluation) - 2 * allFilters) - kept
    const block = FLOAT * Math.max(batchSize, evaluationBatch) * largest
    // JavaScript's kernels have arrays of their own.
    const scripted = layers.some(({ isScripted }) => isScripted)
    const garbage = excess > 0 || scripted ? Math.min(MOST_GARBAGE_BYTES, Math.max(excess, block)) : 0
    return {
      activations,
      workspace: scratchBytes(convolutions) + garbage + Math.max(step, evaluation) - activations,
    }
  },
}

/** `largest` is the largest single result. */
type Counts = ActivationCounts & { largest: number }

/**
 * A convolution, its ReLU and its pool make one result, and so does a batch norm with what follows it; a byte of a mask
 * counts as a quarter. Gradients take the place of what they were made from, so that beside the activations only the
 * largest layer's own lie in memory.
 */
function fusedActivations({ layers, inputSize }: TrainingOutline): Counts {
  let kept = inputSize
  let gradients = 0
  let inference = inputSize
  let largest = inputSize
  let input = inputSize
  for (let at = 0; at < layers.length; ) {
    const { size, isView, onlyTraining, fusedKeeps } = layers[at++]!
    if (isView) continue
    if (onlyTraining) {
      kept += size + (fusedKeeps === 'mask' ? maskOf(size) : 0)
      continue
    }
    const needs = new Set<string | undefined>()
    while (layers[at]?.isJoined) needs.add(layers[at++]!.fusedKeeps)
    const result = layers[at - 1]!.size
    const given = needs.has('input') ? size : 0
    // A batch norm needs what it was given for its gradient, a pool the place of each largest value.
    kept += result + (given > 0 ? given : needs.has('mask') ? maskOf(result) : 0)
    inference += result + given
    gradients = Math.max(gradients, input + size)
    largest = Math.max(largest, size)
    input = result
  }
  return { training: kept + gradients, inference, largest }
}

/** Of a network that is no chain: its layers are operations of TensorFlow.js. */
function unfused(outline: TrainingOutline): Counts {
  const sizes = outline.layers.map(({ size }) => size)
  return { ...plainActivations(outline), largest: Math.max(outline.inputSize, ...sizes) }
}

const maskOf = (size: number): number => size / 4
