import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'
import { tf } from '../../tensorflow.ts'
import { addChannelSums } from './channel-sums.ts'
import { overrideWasmKernel } from './kernels.ts'
import { addressOf, floats } from './memory.ts'

interface ReductionAttributes {
  axis: number | number[]
  keepDims?: boolean
}

/**
 * Sums and means over all dimensions but the last, as biases and batch norm need them (the stock kernels transpose
 * first), and back: one row repeated, which the stock kernel copies element by element (55 ns each).
 */
export function registerReductions(): void {
  overrideWasmKernel<{ x: tf.TensorInfo }, ReductionAttributes>('Sum', ({ inputs, attrs, backend }) =>
    overRows(backend, inputs.x, attrs, 1),
  )
  overrideWasmKernel<{ x: tf.TensorInfo }, ReductionAttributes>('Mean', ({ inputs, attrs, backend }) => {
    const { shape } = inputs.x
    return overRows(backend, inputs.x, attrs, shape[shape.length - 1] / tf.util.sizeFromShape(shape))
  })
  overrideWasmKernel<{ x: tf.TensorInfo }, { reps: number[] }>('Tile', ({ inputs, attrs, backend }) =>
    repeatedRow(backend, inputs.x, attrs.reps),
  )
}

function overRows(
  backend: BackendWasm,
  x: tf.TensorInfo,
  { axis, keepDims }: ReductionAttributes,
  factor: number,
): tf.TensorInfo | null {
  const rank = x.shape.length
  const channels = x.shape[rank - 1]
  const axes = tf.util.parseAxisParam(axis, x.shape)
  const allButLast = rank > 1 && axes.length === rank - 1 && !axes.includes(rank - 1)
  if (!allButLast || x.dtype !== 'float32' || channels % 4 !== 0 || x.shape.includes(0)) return null

  const out = backend.makeOutput(
    keepDims ? [...x.shape.slice(0, -1).map(() => 1), channels] : [channels],
    'float32',
  )
  const sum = addressOf(backend, out)
  const heap = floats(backend)
  heap.fill(0, sum / 4, sum / 4 + channels)
  const rows = tf.util.sizeFromShape(x.shape) / channels
  addChannelSums(backend, { address: addressOf(backend, x), rows, channels }, sum)
  if (factor !== 1) for (let i = sum / 4; i < sum / 4 + channels; i++) heap[i] *= factor
  return out
}

/** [1, ..., 1, a, b] repeated along the dimensions of length 1 that lead: the same memory again and again. */
function repeatedRow(backend: BackendWasm, x: tf.TensorInfo, reps: readonly number[]): tf.TensorInfo | null {
  const leading = x.shape.findIndex((length) => length !== 1)
  const repeatsOnlyLeading = reps.every((count, axis) => count === 1 || leading === -1 || axis < leading)
  const outShape = x.shape.map((length, axis) => length * reps[axis])
  if (!repeatsOnlyLeading || x.dtype !== 'float32' || outShape.includes(0)) return null

  const out = backend.makeOutput(outShape, 'float32')
  const heap = floats(backend)
  const [from, to] = [addressOf(backend, x) / 4, addressOf(backend, out) / 4]
  const [row, total] = [tf.util.sizeFromShape(x.shape), tf.util.sizeFromShape(outShape)]
  heap.copyWithin(to, from, from + row)
  for (let done = row; done < total; done *= 2)
    heap.copyWithin(to + done, to, to + Math.min(done, total - done))
  return out
}
