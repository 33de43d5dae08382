import type { TensorInfo } from '@tensorflow/tfjs'
import { tf } from '../../tensorflow.ts'
import type { NativeBackend } from './backend.ts'
import { areFloats, isRow, registerNativeKernel } from './kernels.ts'

interface Attributes {
  transposeA: boolean
  transposeB: boolean
}

export function registerMatrixProducts(): void {
  registerNativeKernel<{ a: TensorInfo; b: TensorInfo }, Attributes>(
    'BatchMatMul',
    ({ inputs: { a, b }, attrs, backend }) => multiply(backend, a, b, attrs, undefined, false),
  )
  registerNativeKernel<
    { a: TensorInfo; b: TensorInfo; bias?: TensorInfo; preluActivationWeights?: TensorInfo },
    Attributes & { activation?: string }
  >('_FusedMatMul', ({ inputs: { a, b, bias, preluActivationWeights }, attrs, backend }) => {
    const { activation = 'linear' } = attrs
    if (preluActivationWeights || (activation !== 'linear' && activation !== 'relu')) return null
    // The gradients' kernels know neither bias nor activation.
    if ((attrs.transposeA || attrs.transposeB) && (bias || activation === 'relu')) return null
    return multiply(backend, a, b, attrs, bias, activation === 'relu')
  })
}

/** a * b over equal leading dimensions; null for what the kernels do not do: both transposed, broadcasting. */
function multiply(
  backend: NativeBackend,
  a: TensorInfo,
  b: TensorInfo,
  { transposeA, transposeB }: Attributes,
  bias: TensorInfo | undefined,
  relu: boolean,
): TensorInfo | null {
  if (!areFloats(a, b, bias) || (transposeA && transposeB)) return null
  const [rows, depth] = lastTwo(a.shape, transposeA)
  const [depthOfB, columns] = lastTwo(b.shape, transposeB)
  const leading = tf.backend_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2))
  const count = tf.util.sizeFromShape(leading)
  if ([a, b].some(({ shape }) => tf.util.sizeFromShape(shape.slice(0, -2)) !== count)) return null
  if (depth !== depthOfB || (bias && !isRow(bias, columns))) return null
  const shape = [...leading, rows, columns]
  const { addon } = backend
  const [allOfA, allOfB] = [backend.values(a), backend.values(b)]
  const out = backend.take(count * rows * columns)
  for (let i = 0; i < count; i++) {
    const left = part(allOfA, i, rows * depth)
    const right = part(allOfB, i, depth * columns)
    const y = part(out, i, rows * columns)
    if (transposeA) addon.denseWeightGradient(depth, rows, columns, left, right, y)
    else if (transposeB) addon.denseInputGradient(rows, columns, depth, left, right, y)
    else addon.denseForward(rows, depth, columns, left, right, bias ? backend.values(bias) : null, relu, y)
  }
  return backend.output(out, shape)
}

const part = (values: Float32Array, index: number, length: number): Float32Array =>
  values.subarray(index * length, (index + 1) * length)

function lastTwo(shape: readonly number[], transposed: boolean): [rows: number, columns: number] {
  const [rows, columns] = shape.slice(-2)
  return transposed ? [columns, rows] : [rows, columns]
}
