import { analyze, type LayerInfo } from '../analysis.ts'
import type { Architecture } from '../architecture.ts'

/** A layer that TensorFlow.js and Keras know by themselves, with those of its settings that decide what it computes. */
export type StandardLayer =
  | { kind: 'CONV'; name: string; filters: number; kernelSize: [number, number] }
  | { kind: 'BATCH_NORM'; name: string }
  | { kind: 'RELU'; name: string }
  | { kind: 'MAX_POOL' | 'AVG_POOL'; name: string; poolSize: [number, number] }
  | { kind: 'UPSAMPLE'; name: string; size: [number, number] }
  /** Axes counted from 1, without the batch. */
  | { kind: 'PERMUTE'; name: string; dims: [number, number, number] }
  /** `fixed`: no bias, and this kernel [in, out], which is no weight of the network. */
  | { kind: 'DENSE'; name: string; units: number; fixed?: { inputs: number; kernel: Float32Array } }
  | { kind: 'FLATTEN'; name: string }
  | { kind: 'DROPOUT'; name: string; rate: number }
  | { kind: 'SOFTMAX'; name: string }

/** A network that these layers cannot express, or a LayersModel that is not the network's. */
export class LayersModelError extends Error {
  override name = 'LayersModelError'
}

/** Whether standard layers can express a network. */
export function isLayersModel({ features }: Architecture): boolean {
  return !features.some((feature) => feature.kind === 'conv' && feature.lrn)
}

/**
 * A network in layers that every TensorFlow.js has, from the normalised picture to probabilities; those with weights
 * have the names of `analyze`.
 *
 * @throws LayersModelError for a network with local response normalisation: there is no such layer
 */
export function standardLayers(architecture: Architecture): StandardLayer[] {
  let shape: number[] = [...architecture.inputShape]
  return analyze(architecture).layers.flatMap((info) => {
    const layers = standardLayer(info, shape, architecture)
    shape = info.outputShape
    return layers
  })
}

function standardLayer(
  { name, kind, units, kernelSize, outputShape }: LayerInfo,
  inputShape: number[],
  { head }: Architecture,
): StandardLayer[] {
  switch (kind) {
    case 'CONV':
      return [{ kind, name, filters: units!, kernelSize: kernelSize! }]
    case 'MAX_POOL':
      return [{ kind, name, poolSize: kernelSize! }]
    case 'ADAPTIVE_AVG_POOL':
      return adaptivePool(name, inputShape[0]!, inputShape[1]!, outputShape[0]!)
    case 'DENSE':
      return [{ kind, name, units: units! }]
    case 'DROPOUT':
      return [{ kind, name, rate: head.dropout }]
    case 'LRN':
      throw new LayersModelError(
        'TensorFlow.js has no layer for local response normalisation, so this network is no LayersModel; its safetensors file has all its weights.',
      )
    default:
      return [{ kind, name }]
  }
}

/** [h, w] to [size, size] by PyTorch's rule (layers/adaptive-average-pool.ts). */
function adaptivePool(name: string, height: number, width: number, size: number): StandardLayer[] {
  if (height === size && width === size) return []
  if (height % size === 0 && width % size === 0) {
    return [{ kind: 'AVG_POOL', name, poolSize: [height / size, width / size] }]
  }
  if (size % height === 0 && size % width === 0) {
    return [{ kind: 'UPSAMPLE', name, size: [size / height, size / width] }]
  }
  // Bins of different lengths are a matrix along each side, and a dense layer multiplies the last axis by one.
  const along = (side: 'rows' | 'columns', inputs: number): StandardLayer => ({
    kind: 'DENSE',
    name: `${name}.${side}`,
    units: size,
    fixed: { inputs, kernel: bins(inputs, size) },
  })
  const permute = (step: number, dims: [number, number, number]): StandardLayer => ({
    kind: 'PERMUTE',
    name: `${name}.permute${step}`,
    dims,
  })
  return [
    // [h, w, c] -> [w, c, h] -> [w, c, size]
    permute(1, [2, 3, 1]),
    along('rows', height),
    // -> [size, c, w] -> [size, c, size]
    permute(2, [3, 2, 1]),
    along('columns', width),
    // -> [size, size, c]
    permute(3, [1, 3, 2]),
  ]
}

/** [inputs, size]: 1 / bin length where output cell i covers input cell j, from floor(i n / size) to ceil((i + 1) n / size). */
function bins(inputs: number, size: number): Float32Array {
  const matrix = new Float32Array(inputs * size)
  for (let i = 0; i < size; i++) {
    const start = Math.floor((i * inputs) / size)
    const end = Math.ceil(((i + 1) * inputs) / size)
    for (let j = start; j < end; j++) matrix[j * size + i] = 1 / (end - start)
  }
  return matrix
}
