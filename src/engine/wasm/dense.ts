import type { TensorInfo } from '@tensorflow/tfjs'
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'
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
    ({ inputs, attrs, backend }) => {
      const { activation = 'linear' } = attrs
      if (activation !== 'linear' && activation !== 'relu') return null
      const plain = product(backend, inputs.a, inputs.b, attrs)
      if (!plain) return null
      const biased = inputs.bias ? then(backend, plain, 'Add', (a) => ({ a, b: inputs.bias! })) : plain
      return activation === 'relu' ? then(backend, biased, 'Relu', (x) => ({ x })) : biased
    },
  )
}

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
  const elements = (shape: readonly number[]): number => shape.reduce((size, length) => size * length, 1)
  const single = elements(a.shape) === rows * depth && elements(b.shape) === depth * columns
  if (!single || depth !== depthOfB || a.dtype !== 'float32' || b.dtype !== 'float32') return null
  const empty = rows * depth * columns === 0
  if (rows < SMALLEST && !transposeA && !transposeB && !empty) return null

  const leading = a.shape.length >= b.shape.length ? a.shape : b.shape
  const out = backend.makeOutput([...leading.slice(0, -2), rows, columns], 'float32')
  if (empty) {
    // A sum of no products is zero; the stock kernel leaves what was in the memory.
    const at = addressOf(backend, out) / 4
    floats(backend).fill(0, at, at + rows * columns)
    return out
  }
  multiplyMatrices(
    backend,
    { rows, depth, columns },
    { address: addressOf(backend, a), ...(transposeA ? by(1, rows) : by(depth, 1)) },
    { address: addressOf(backend, b), ...(transposeB ? by(1, depth) : by(columns, 1)) },
    addressOf(backend, out),
  )
  return out
}

const by = (rowStride: number, columnStride: number) => ({ rowStride, columnStride })

function lastTwo(shape: readonly number[], transposed: boolean): [rows: number, columns: number] {
  const [rows, columns] = shape.slice(-2)
  return transposed ? [columns, rows] : [rows, columns]
}
