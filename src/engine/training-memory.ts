/** What a layer takes beside its result; what is left out is as of most layers. Counted in results of the layer's size. */
export interface LayerNeeds {
  /** It has no result of its own: a view of what it is given, or nothing that an engine computes. */
  isView?: true
  /** An engine with fused layers computes it in training alone. */
  onlyTraining?: true
  /** Where layers are operations of TensorFlow.js: full-size gradients that are kept; 1. */
  gradients?: number
  /** There: full-size results at one time in prediction; 1. */
  results?: number
  /** Where layers are fused: what the gradient needs beside the result, what it was given or a byte for each value. */
  fusedKeeps?: 'input' | 'mask'
  /** JavaScript computes it, also on an engine of ours. */
  isScripted?: true
  convolution?: ConvolutionSize
}

export interface ConvolutionSize {
  /** Cells of its window. */
  taps: number
  /** Channels. */
  inputs: number
  filters: number
  height: number
  width: number
}

/** A layer as the memory of an engine sees it. */
export interface LayerOutline extends LayerNeeds {
  /** Float32 values of its result for one image. */
  size: number
  /** Places of the layers whose results it takes; -1 for the picture. */
  inputs: readonly number[]
  /** An engine with fused layers computes it in one operation with the layer before it. */
  isJoined: boolean
}

/** A training as the memory of an engine sees it. */
export interface TrainingOutline {
  /** Float32 values of one image. */
  inputSize: number
  layers: readonly LayerOutline[]
  /** Whether each layer takes the result of the one before it, and nothing else. */
  isChain: boolean
  batchSize: number
  /** Images of a batch of an evaluation. */
  evaluationBatch: number
  /** Bytes of all weights, of the largest of them, and of what the optimizer keeps of all. */
  weights: number
  largestWeight: number
  optimizer: number
  /** Copies of the largest weight that are alive at once where a step's rule is operations of TensorFlow.js. */
  stepCopies: number
}

/** What an engine needs for a training beside the weights and what is kept of them, in bytes. */
export interface EngineNeeds {
  /** What layers make of a batch on the way there and back. */
  activations: number
  /** What kernels work in, filters in another order, and what an evaluation needs beyond a step. */
  workspace: number
}

/** How an engine uses memory. */
export interface EngineMemory {
  of(training: TrainingOutline): EngineNeeds
  /** The most bytes of tensors that its addresses reach; infinite where the machine's memory is the limit. */
  most: number
}

/** Bytes of a float32 value. */
export const FLOAT = 4

/** Float32 values per image that a network makes on its way. */
export interface ActivationCounts {
  /** What training holds at the end of a forward pass, and what its backward pass needs beside that. */
  training: number
  /** The most that a forward pass without training holds at one time. */
  inference: number
}

/** The results of all layers, and their gradients, are kept until the last gradient is there. */
export function plainActivations({ layers, inputSize, isChain }: TrainingOutline): ActivationCounts {
  let training = inputSize
  let inference = 0
  let input = inputSize
  for (const [place, { size, isView, gradients = 1, results = 1 }] of layers.entries()) {
    if (isView) continue
    training += size + size * gradients
    const waiting = isChain ? 0 : waitingBeside(layers, inputSize, place)
    inference = Math.max(inference, input + waiting + size * results)
    input = size
  }
  return { training, inference }
}

/** Values of earlier results, without the last one, that a layer or those after it still take. */
function waitingBeside(layers: readonly LayerOutline[], inputSize: number, place: number): number {
  const waiting = new Set(layers.slice(place).flatMap(({ inputs }) => inputs))
  let values = 0
  for (const it of waiting) if (it < place - 1) values += layers[it]?.size ?? inputSize
  return values
}

/** Of each convolution: its filter as kernels read it, and the tiles of Winograd's algorithm, in bytes. */
export function convolutionBytes({ layers, batchSize }: TrainingOutline): {
  filterBytes: number
  tileBytes: number
}[] {
  return layers.flatMap(({ convolution }) => {
    if (convolution === undefined) return []
    const { taps, inputs, filters, height, width } = convolution
    const tiles = Math.ceil(height / 4) * Math.ceil(width / 4)
    // As winogradFits in native/src/isa/table.h, for the widest vectors.
    const winograd =
      taps === 9 && [inputs, filters].every((it) => it >= 32 && it % 16 === 0) && 10 * tiles < height * width
    if (!winograd) return [{ filterBytes: FLOAT * taps * inputs * filters, tileBytes: 0 }]
    const tileBytes = FLOAT * PLANES * (inputs + filters) * tiles * batchSize
    return [
      { filterBytes: FLOAT * PLANES * inputs * filters, tileBytes: Math.min(MOST_TILE_BYTES, tileBytes) },
    ]
  })
}

/** Planes of tiles that the Winograd kernels fill at a time: BYTES in native/src/isa/winograd_gradient.h. */
const MOST_TILE_BYTES = 40 * 2 ** 20
/** Values of a transformed 6x6 tile or 3x3 filter. */
const PLANES = 36

/** Where a convolution works: the most that one of them takes beside its results. */
export function scratchBytes(convolutions: ReturnType<typeof convolutionBytes>): number {
  return Math.max(0, ...convolutions.map(({ filterBytes, tileBytes }) => filterBytes + tileBytes))
}

/**
 * An engine of TensorFlow.js' own operations. On a graphics card the numbers are an estimate, and most of it lies on the
 * card.
 *
 * @param most  bytes that its addresses reach
 */
export function stockMemory(most = Number.POSITIVE_INFINITY): EngineMemory {
  return {
    most,
    of(training) {
      const { training: kept, inference } = plainActivations(training)
      const activations = FLOAT * training.batchSize * kept
      // The optimizer's copies come when the activations are gone.
      const copies = Math.max(0, training.stepCopies * training.largestWeight - activations)
      const evaluation = FLOAT * training.evaluationBatch * inference
      return { activations, workspace: scratchBytes(convolutionBytes(training)) + copies + evaluation }
    },
  }
}
