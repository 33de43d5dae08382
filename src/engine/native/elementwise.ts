import type { TensorInfo } from '@tensorflow/tfjs'
import { tf } from '../../tensorflow.ts'
import { BINARY, FACTOR, UNARY } from './addon.ts'
import type { NativeBackend } from './backend.ts'
import { areFloats, registerNativeKernel } from './kernels.ts'

export function registerElementwise(): void {
  registerUnary('Relu', UNARY.relu)
  registerUnary('Relu6', UNARY.relu6)
  registerUnary('Square', UNARY.square)
  registerUnary('Sqrt', UNARY.sqrt)
  registerUnary('Rsqrt', UNARY.rsqrt)
  registerUnary('Neg', UNARY.neg)
  registerUnary('Abs', UNARY.abs)
  registerUnary('Reciprocal', UNARY.reciprocal)
  registerUnary('Step', UNARY.step, ({ alpha }) => [alpha as number, 0])
  registerUnary('ClipByValue', UNARY.clip, ({ clipValueMin, clipValueMax }) => [
    clipValueMin as number,
    clipValueMax as number,
  ])
  registerBinary('Add', BINARY.add)
  registerBinary('Sub', BINARY.sub)
  registerBinary('Multiply', BINARY.mul)
  registerBinary('RealDiv', BINARY.div)
  registerBinary('Maximum', BINARY.maximum)
  registerBinary('Minimum', BINARY.minimum)
  registerBinary('SquaredDifference', BINARY.squaredDifference)
}

function registerUnary(
  kernelName: string,
  op: number,
  limits: (attrs: Record<string, unknown>) => [number, number] = () => [0, 0],
): void {
  registerNativeKernel<{ x: TensorInfo }, Record<string, unknown>>(
    kernelName,
    ({ inputs: { x }, attrs, backend }) => {
      if (!areFloats(x)) return null
      const y = backend.take(tf.util.sizeFromShape(x.shape))
      backend.addon.unary(op, backend.values(x), ...limits(attrs), y)
      return backend.output(y, x.shape)
    },
  )
}

function registerBinary(kernelName: string, op: number): void {
  registerNativeKernel<{ a: TensorInfo; b: TensorInfo }, unknown>(
    kernelName,
    ({ inputs: { a, b }, backend }) => (areFloats(a, b) ? combine(backend, op, a, b) : null),
  )
}

function combine(backend: NativeBackend, op: number, a: TensorInfo, b: TensorInfo): TensorInfo | null {
  const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape)
  const size = tf.util.sizeFromShape(shape)
  const left = placesIn(shape, a.shape)
  const right = placesIn(shape, b.shape)
  if (left === null || right === null) return null
  // Whole and scalar factors fit every division into rows and columns.
  const columns = left.columns ?? right.columns ?? size
  if ((left.columns ?? columns) !== columns || (right.columns ?? columns) !== columns) return null
  const y = backend.take(size)
  backend.addon.binary(
    op,
    size / columns,
    columns,
    left.kind,
    backend.values(a),
    right.kind,
    backend.values(b),
    y,
  )
  return backend.output(y, shape)
}

/** How a factor lies in the result seen as [rows, columns]: as its last dimensions, as its first ones, or all of it. */
function placesIn(shape: number[], factorShape: number[]): { kind: number; columns?: number } | null {
  const size = tf.util.sizeFromShape(factorShape)
  if (size === tf.util.sizeFromShape(shape)) return { kind: FACTOR.whole }
  if (size === 1) return { kind: FACTOR.scalar }
  const aligned = [...new Array(shape.length - factorShape.length).fill(1), ...factorShape]
  const first = aligned.findIndex((length) => length !== 1)
  if (aligned.slice(first).every((length, i) => length === shape[first + i])) {
    return { kind: FACTOR.row, columns: size }
  }
  const end = aligned.findLastIndex((length) => length !== 1) + 1
  if (aligned.slice(0, end).every((length, i) => length === shape[i])) {
    return { kind: FACTOR.column, columns: tf.util.sizeFromShape(shape.slice(end)) }
  }
  return null
}
