import type { TensorInfo } from '@tensorflow/tfjs'
import { tf } from '../../tensorflow.ts'
import { REDUCE } from './addon.ts'
import { areFloats, type KernelCall, registerNativeKernel } from './kernels.ts'

interface Attributes {
  axis: number | number[]
  keepDims: boolean
}

export function registerReductions(): void {
  registerNativeKernel<{ x: TensorInfo }, Attributes>('Sum', (call) => reduce(call, REDUCE.sum, () => 1))
  registerNativeKernel<{ x: TensorInfo }, Attributes>('Mean', (call) =>
    reduce(call, REDUCE.sum, (n) => 1 / n),
  )
  registerNativeKernel<{ x: TensorInfo }, { reductionIndices: number[]; keepDims: boolean }>(
    'Max',
    ({ inputs, attrs: { reductionIndices, keepDims }, backend }) =>
      reduce({ inputs, attrs: { axis: reductionIndices, keepDims }, backend }, REDUCE.max, () => 1),
  )
  registerSoftmax()
  registerNativeKernel<{ x: TensorInfo }, { perm: number[] }>(
    'Transpose',
    ({ inputs: { x }, attrs: { perm }, backend }) => {
      const turned = areFloats(x) ? asMatrices(x.shape, perm) : null
      if (turned === null) return null
      const y = backend.take(tf.util.sizeFromShape(x.shape))
      backend.addon.transpose(...turned, backend.values(x), y)
      return backend.output(
        y,
        perm.map((axis) => x.shape[axis]),
      )
    },
  )
}

/** Over all, the first or the last dimensions; a maximum over the last only. Null for what lies otherwise. */
function reduce(
  { inputs: { x }, attrs: { axis, keepDims }, backend }: KernelCall<{ x: TensorInfo }, Attributes>,
  op: number,
  scale: (count: number) => number,
): TensorInfo | null {
  if (!areFloats(x)) return null
  const axes = tf.util.parseAxisParam(axis, x.shape).sort((one, other) => one - other)
  if (axes.length === 0) return null
  const [reducedShape, countShape] = tf.backend_util.computeOutAndReduceShapes(x.shape, axes)
  const shape = keepDims ? tf.backend_util.expandShapeToKeepDim(reducedShape, axes) : reducedShape
  const count = tf.util.sizeFromShape(countShape)
  const kept = tf.util.sizeFromShape(reducedShape)
  const { addon } = backend
  if (tf.backend_util.axesAreInnerMostDims(axes, x.shape.length)) {
    const y = backend.take(kept)
    addon.reduceRows(op, kept, count, backend.values(x), scale(count), y)
    return backend.output(y, shape)
  }
  if (op === REDUCE.sum && axes.every((at, i) => at === i)) {
    const y = backend.take(kept)
    addon.sumColumns(count, kept, backend.values(x), scale(count), y)
    return backend.output(y, shape)
  }
  return null
}

function registerSoftmax(): void {
  registerNativeKernel<{ logits: TensorInfo }, { dim?: number; axis?: number }>(
    'Softmax',
    ({ inputs: { logits }, attrs: { dim, axis }, backend }) => {
      const rank = logits.shape.length
      const along = dim ?? axis ?? -1
      if (!areFloats(logits) || rank === 0 || (along !== -1 && along !== rank - 1)) return null
      const columns = logits.shape[rank - 1]
      const size = tf.util.sizeFromShape(logits.shape)
      const y = backend.take(size)
      backend.addon.softmax(size / columns, columns, backend.values(logits), y)
      return backend.output(y, logits.shape)
    },
  )
}

/** A permutation as the transposition of matrices: first axes stay, two groups of neighbours change places. */
function asMatrices(shape: readonly number[], perm: readonly number[]): [number, number, number] | null {
  const same = perm.findIndex((axis, i) => axis !== i)
  if (same < 0) return null
  const split = perm[same]
  const length = perm.length - same
  const rotated = perm.slice(same).every((axis, i) => axis === same + ((split - same + i) % length))
  if (!rotated) return null
  const size = (from: number, to: number) => tf.util.sizeFromShape(shape.slice(from, to) as number[])
  return [size(0, same), size(same, split), size(split, perm.length)]
}
