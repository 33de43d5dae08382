import type { Architecture } from '../architecture.ts'
import type { TorchTensor } from '../torch-layout.ts'

/** What weights from elsewhere are made into. */
export interface ImportTarget {
  architecture: Architecture
  /** The file to write, safe on disk when the import resolves. */
  target: string
  metadata: Record<string, string>
  /** The order of the channels that the weights expect; the file's network takes RGB. */
  channels: 'RGB' | 'BGR'
}

/** Turns a network that takes BGR into one that takes RGB: its first convolution [out, 3, h, w] reads them the other way. */
export function toRgb(
  channels: ImportTarget['channels'],
  { name, shape }: Pick<TorchTensor, 'name' | 'shape'>,
  data: Float32Array,
): Float32Array {
  if (channels === 'RGB' || name !== 'features.0.weight') return data
  const [filters, inputs, ...window] = shape as [number, number, ...number[]]
  const cells = window.reduce((product, length) => product * length, 1)
  const turned = new Float32Array(data.length)
  for (let filter = 0; filter < filters; filter++) {
    for (let channel = 0; channel < inputs; channel++) {
      const from = (filter * inputs + channel) * cells
      turned.set(data.subarray(from, from + cells), (filter * inputs + (inputs - 1 - channel)) * cells)
    }
  }
  return turned
}
