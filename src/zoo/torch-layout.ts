import { analyze } from './analysis.ts'
import type { Architecture } from './architecture.ts'
import type { Layer, TorchOrder } from './layers/kind.ts'
import { kindOf } from './layers/kinds.ts'

/** One tensor of a network in torchvision's naming, and where it lives in the TensorFlow.js model. */
export interface TorchTensor {
  /** features.0.weight, classifier.3.bias, ... */
  name: string
  shape: number[]
  order: TorchOrder
  /** The layer of `analyze` and the name of its variable. */
  layer: string
  variable: string
  /** Where a network may be built without it: the value that leaves the results as they are; else null. */
  neutral: number | null
  /**
   * The name of the step counter (I64, shape []) that PyTorch keeps beside it, null where it has none. With PyTorch's
   * default momentum nothing reads it.
   */
  counter: string | null
}

/**
 * The tensors of a network as torchvision's VGG names, shapes and orders them, in the order of its `state_dict()`.
 * The batch norms' counters are left out: they are no weights (see `counter`). Plain data from the
 * architecture alone, so a file can be judged by its header before a model is built.
 */
export function torchTensors(architecture: Architecture): TorchTensor[] {
  const { layers } = analyze(architecture)
  return layers.flatMap((layer) => {
    const { variables, tensors } = kindOf(layer.kind)
    if (variables === null || tensors === null) return []
    const own = variables(layer, flattenedBefore(layer, layers))
    return own.map(({ name, shape, order, neutral = null, neutralBeforeNorm, counter }) => ({
      name: `${layer.name}.${tensors.names[name]}`,
      shape,
      order,
      layer: layer.name,
      variable: name,
      neutral: neutralBeforeNorm && !architecture.batchNorm ? null : neutral,
      counter: counter === undefined ? null : `${layer.name}.${counter}`,
    }))
  })
}

/** [h, w, c] that the layer before made one row of; null where it did not. */
function flattenedBefore({ inputs: [place] }: Layer, layers: readonly Layer[]) {
  const before = layers[place!]
  if (before === undefined || before.inputShape.length !== 3 || before.outputShape.length !== 1) return null
  return before.inputShape as [number, number, number]
}

/** What a batch norm's counter in a file says, in whatever type and shape; 0 for what is no count. */
export function countIn(data: ArrayLike<number | bigint>): bigint {
  const value = Number(data.length === 1 ? data[0] : 0)
  return Number.isSafeInteger(value) && value >= 0 ? BigInt(value) : 0n
}

/** A copy of a TensorFlow.js variable's numbers in PyTorch's order; the bits do not change. */
export function toTorch(tensor: TorchTensor, data: Float32Array): Float32Array {
  return reorder(tensor, data, true)
}

/** A copy of a PyTorch tensor's numbers in the order of the TensorFlow.js variable; the bits do not change. */
export function fromTorch(tensor: TorchTensor, data: Float32Array): Float32Array {
  return reorder(tensor, data, false)
}

const TILE_OUTPUTS = 32
const TILE_ROWS = 64

function reorder({ order, shape }: TorchTensor, data: Float32Array, outward: boolean): Float32Array {
  if (order.kind === 'vector') return data.slice()
  // As integers: a NaN keeps its payload.
  const from = new Uint32Array(data.buffer, data.byteOffset, data.length)
  const to = new Uint32Array(data.length)
  const outputs = shape[0]!
  const inputs = data.length / outputs
  const [h, w, c] = order.kind === 'conv' ? [shape[2]!, shape[3]!, shape[1]!] : (order.grid ?? [1, 1, inputs])
  const cells = h * w
  // Both kinds are one transposition: [h, w, c, out] here, [out, c, h, w] there. Tile by tile, so that a page and a cache line
  // are used up when they are there: by columns, 25088 x 4096 numbers miss both each time, and by strips the pages.
  for (let firstRow = 0; firstRow < inputs; firstRow += TILE_ROWS) {
    const lastRow = Math.min(firstRow + TILE_ROWS, inputs)
    for (let firstOut = 0; firstOut < outputs; firstOut += TILE_OUTPUTS) {
      const lastOut = Math.min(firstOut + TILE_OUTPUTS, outputs)
      for (let out = firstOut; out < lastOut; out++) {
        let channel = Math.floor(firstRow / cells)
        let cell = firstRow - channel * cells
        for (let there = out * inputs + firstRow; there < out * inputs + lastRow; there++) {
          const here = (cell * c + channel) * outputs + out
          if (outward) to[there] = from[here]!
          else to[here] = from[there]!
          cell += 1
          if (cell === cells) {
            cell = 0
            channel += 1
          }
        }
      }
    }
  }
  return new Float32Array(to.buffer)
}
