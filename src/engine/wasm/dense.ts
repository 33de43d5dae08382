import type { TensorInfo } from '@tensorflow/tfjs'
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'
import { tf } from '../../tensorflow.ts'
import { runOnCpu } from './fallback.ts'
import { overrideWasmKernel, runWasmKernel } from './kernels.ts'
import { multiplyMatrices } from './matrix-multiply.ts'
import { addressOf, floats } from './memory.ts'

interface ProductAttributes {
  transposeA: boolean
  transposeB: boolean
}
type FusedAttributes = ProductAttributes & { activation?: string }

/**
 * Products of two matrices. XNNPACK has none with a transposed factor (both gradients of a dense layer), and packs
 * the whole second factor for every new tensor: weights while they are trained.
 */
export function registerMatrixProducts(): void {
  overrideWasmKernel<{ a: TensorInfo; b: TensorInfo }, ProductAttributes>(
    'BatchMatMul',
    ({ inputs, attrs, backend }) => product(backend, inputs.a, inputs.b, attrs),
  )
  overrideWasmKernel<{ a: TensorInfo; b: TensorInfo; bias?: TensorInfo }, FusedAttributes>(
    '_FusedMatMul',
    (call) => {
      const { inputs, attrs, backend } = call
      const { activation = 'linear' } = attrs
      // The stock kernel is wrong here: the bias reaches not every product.
      if (inputs.bias && isBatched(inputs.a, inputs.b)) {
        return runOnCpu('_FusedMatMul', call)
      }
      if (activation !== 'linear' && activation !== 'relu') return null
      const plain = product(backend, inputs.a, inputs.b, attrs)
      if (!plain) return null
      const biased = inputs.bias ? then(backend, plain, 'Add', (a) => ({ a, b: inputs.bias! })) : plain
      return activation === 'relu' ? then(backend, biased, 'Relu', (x) => ({ x })) : biased
    },
  )
}

const isBatched = (...factors: readonly TensorInfo[]): boolean =>
  factors.some(({ shape }) => tf.util.sizeFromShape(shape.slice(0, -2)) > 1)

function then(
  backend: BackendWasm,
  tensor: TensorInfo,
  kernelName: string,
  inputs: (tensor: TensorInfo) => Record<string, TensorInfo>,
): TensorInfo {
  const result = runWasmKernel(kernelName, inputs(tensor), backend)
  backend.disposeData(tensor.dataId)
  return result
}

/** Predicting a few pictures, the stock kernel wins: it keeps the packed weights of a tensor it has seen (7.6 ms
 * instead of 38 for one row of 8192 times 4096). */
const SMALLEST = 8

/** a * b of two matrices, maybe with leading dimensions of size 1; null where it is not that or does not pay. */
function product(
  backend: BackendWasm,
  a: TensorInfo,
  b: TensorInfo,
  { transposeA, transposeB }: ProductAttributes,
): TensorInfo | null {
  const [rows, depth] = lastTwo(a.shape, transposeA)
  const [depthOfB, columns] = lastTwo(b.shape, transposeB)
  if (depth !== depthOfB || a.dtype !== 'float32' || b.dtype !== 'float32') return null
  const elementsOfA = tf.util.sizeFromShape(a.shape)
  const elementsOfB = tf.util.sizeFromShape(b.shape)
  if (elementsOfA === 0 || elementsOfB === 0) return zeros(backend, a.shape, b.shape, rows, columns)
  if (elementsOfA !== rows * depth || elementsOfB !== depth * columns) return null
  if (rows < SMALLEST && !transposeA && !transposeB) return null

  const leading = a.shape.length >= b.shape.length ? a.shape : b.shape
  const out = backend.makeOutput([...leading.slice(0, -2), rows, columns], 'float32')
  multiplyMatrices(
    backend,
    { rows, depth, columns },
    { address: addressOf(backend, a), ...(transposeA ? by(1, rows) : by(depth, 1)) },
    { address: addressOf(backend, b), ...(transposeB ? by(1, depth) : by(columns, 1)) },
    addressOf(backend, out),
  )
  return out
}

/** The sums of no products. The stock kernel leaves what was in the memory, or divides by the number of matrices. */
function zeros(
  backend: BackendWasm,
  shapeOfA: readonly number[],
  shapeOfB: readonly number[],
  rows: number,
  columns: number,
): TensorInfo {
  const leading = tf.broadcast_util.assertAndGetBroadcastShape(shapeOfA.slice(0, -2), shapeOfB.slice(0, -2))
  const out = backend.makeOutput([...leading, rows, columns], 'float32')
  const at = addressOf(backend, out) / 4
  floats(backend).fill(0, at, at + tf.util.sizeFromShape(out.shape))
  return out
}

const by = (rowStride: number, columnStride: number) => ({ rowStride, columnStride })

function lastTwo(shape: readonly number[], transposed: boolean): [rows: number, columns: number] {
  const [rows, columns] = shape.slice(-2)
  return transposed ? [columns, rows] : [rows, columns]
}
