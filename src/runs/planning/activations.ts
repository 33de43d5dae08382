import type { LayerInfo } from '../../zoo/analysis.ts'

/** Float32 values per image that a network makes on its way; a byte of a mask counts as a quarter. */
export interface ActivationCounts {
  /** What training holds at the end of a forward pass, and what its backward pass needs beside that. */
  training: number
  /** The most that a forward pass without training holds at one time. */
  inference: number
}

/** Full-size results of ChannelNormalization's gradient (src/zoo/layers/batch-normalization.ts), all kept. */
const NORMALIZATION_GRADIENTS = 6

/**
 * Of an engine with fused layers (src/zoo/forward.ts): a convolution, its ReLU and its pool make one result, and so
 * does a batch norm with what follows it. Gradients take the place of what they were made from, so that beside the
 * activations only the largest layer's own lie in memory. `largest` is the largest single result.
 */
export function fusedActivations(
  layers: readonly LayerInfo[],
  inputSize: number,
): ActivationCounts & { largest: number } {
  let kept = inputSize
  let gradients = 0
  let inference = inputSize
  let largest = inputSize
  let input = inputSize
  for (let at = 0; at < layers.length; ) {
    const layer = layers[at++]
    const { kind } = layer
    const follows = (next: LayerInfo['kind']) => layers[at]?.kind === next && at++ > 0
    const size = sizeOf(layer)
    if (kind === 'SOFTMAX' || kind === 'FLATTEN') continue
    // In prediction it is no layer at all.
    if (kind === 'DROPOUT') {
      kept += size + maskOf(size)
      continue
    }
    const normalized = kind === 'CONV' && follows('BATCH_NORM')
    if (kind === 'CONV' || kind === 'DENSE') follows('RELU')
    const pooled = kind === 'CONV' && follows('MAX_POOL')
    const result = sizeOf(layers[at - 1])
    // A batch norm needs what it was given for its gradient, a pool the place of each largest value.
    kept += result + (normalized ? size : pooled ? maskOf(result) : 0)
    inference += result + (normalized ? size : 0)
    gradients = Math.max(gradients, input + size)
    largest = Math.max(largest, size)
    input = result
  }
  return { training: kept + gradients, inference, largest }
}

/** Of any other engine: the results of all layers, and their gradients, are kept until the last gradient is there. */
export function plainActivations(layers: readonly LayerInfo[], inputSize: number): ActivationCounts {
  let training = inputSize
  let inference = 0
  let input = inputSize
  for (const layer of layers) {
    const { kind } = layer
    if (kind === 'SOFTMAX' || kind === 'FLATTEN') continue
    const size = sizeOf(layer)
    training += size + size * (kind === 'BATCH_NORM' ? NORMALIZATION_GRADIENTS : 1)
    inference = Math.max(inference, input + size * (kind === 'BATCH_NORM' ? 2 : 1))
    input = size
  }
  return { training, inference }
}

const maskOf = (size: number): number => size / 4

function sizeOf({ outputShape }: LayerInfo): number {
  return outputShape.reduce((product, length) => product * length, 1)
}
