import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'
import { tf } from '../../tensorflow.ts'
import { addGradientSums } from './channel-sums.ts'
import { overrideWasmKernel, registerWasmKernel } from './kernels.ts'
import { addressOf, floats, scratchRegions } from './memory.ts'
import { simdKernels } from './simd.ts'

interface Inputs {
  x: tf.TensorInfo
  mean: tf.TensorInfo
  variance: tf.TensorInfo
  offset?: tf.TensorInfo
  scale?: tf.TensorInfo
}
interface Attributes {
  varianceEpsilon: number
}

const GRADIENT = 'VggzooBatchNormGrad'

/**
 * Batch norm over the last dimension as one multiplication and addition, and its gradient in two passes over x and dy
 * instead of the stock gradient's dozen.
 */
export function registerBatchNorm(): void {
  overrideWasmKernel<Inputs, Attributes>('FusedBatchNorm', ({ inputs, attrs, backend }) =>
    isPerChannel(inputs) ? normalize(backend, inputs, attrs.varianceEpsilon) : null,
  )
  registerWasmKernel<Inputs & { dy: tf.TensorInfo }, Attributes>(GRADIENT, ({ inputs, attrs, backend }) =>
    gradients(backend, inputs, attrs.varianceEpsilon),
  )

  const stock = tf.getGradient('FusedBatchNorm')
  tf.registerGradient({
    ...stock,
    gradFunc: (dy, saved, attrs) => {
      const [x, mean, variance, scale] = saved
      const inputs = { dy: dy as tf.Tensor, x, mean, variance, scale }
      if (tf.getBackend() !== 'wasm' || !isPerChannel(inputs)) return stock.gradFunc(dy, saved, attrs)
      // All five come out of the same passes; the tape asks for each on its own.
      const [dx, dMean, dVariance, dScale, dOffset] = tf
        .engine()
        .runKernel<tf.Tensor[]>(GRADIENT, inputs, attrs)
      return {
        x: () => dx,
        mean: () => dMean,
        variance: () => dVariance,
        scale: () => dScale,
        offset: () => dOffset,
      }
    },
  })
}

function isPerChannel({ x, mean, variance, offset, scale }: Inputs): boolean {
  const channels = x.shape[x.shape.length - 1]
  const perChannel = [mean, variance, offset, scale].every(
    (tensor) => !tensor || (tensor.shape.length === 1 && tensor.shape[0] === channels),
  )
  return perChannel && x.dtype === 'float32' && channels % 4 === 0 && !x.shape.includes(0)
}

/** y = (x - mean) * scale / sqrt(variance + epsilon) + offset */
function normalize(backend: BackendWasm, inputs: Inputs, epsilon: number): tf.TensorInfo {
  const { x, mean, variance, offset, scale } = inputs
  const channels = mean.shape[0]
  const out = backend.makeOutput(x.shape, 'float32')
  const [factor, shift] = scratchRegions(backend, [channels * 4, channels * 4])
  const heap = floats(backend)
  const [means, variances, offsets, scales] = [mean, variance, offset, scale].map(
    (tensor) => tensor && addressOf(backend, tensor) / 4,
  )
  for (let c = 0; c < channels; c++) {
    const slope = (scales === undefined ? 1 : heap[scales + c]) / Math.sqrt(heap[variances! + c] + epsilon)
    heap[factor / 4 + c] = slope
    heap[shift / 4 + c] = (offsets === undefined ? 0 : heap[offsets + c]) - heap[means! + c] * slope
  }
  scaleRows(backend, addressOf(backend, x), addressOf(backend, out), factor, shift, x.shape)
  return out
}

/**
 * With r = 1 / sqrt(variance + epsilon), s = sum(dy) and p = sum(dy * (x - mean)), all per channel:
 * dx = dy * scale * r, dMean = -s * scale * r, dVariance = -p * scale * r^3 / 2, dScale = p * r, dOffset = s.
 */
function gradients(
  backend: BackendWasm,
  { dy, x, mean, variance, scale }: Inputs & { dy: tf.TensorInfo },
  epsilon: number,
): tf.TensorInfo[] {
  const channels = mean.shape[0]
  const dx = backend.makeOutput(x.shape, 'float32')
  const [dMean, dVariance, dScale, dOffset] = Array.from({ length: 4 }, () =>
    backend.makeOutput([channels], 'float32'),
  )
  const [factor, zero, product] = scratchRegions(backend, [channels * 4, channels * 4, channels * 4])
  const sum = addressOf(backend, dOffset)
  const heap = floats(backend)
  for (const address of [zero, product, sum]) heap.fill(0, address / 4, address / 4 + channels)

  const rows = tf.util.sizeFromShape(x.shape) / channels
  const xAt = addressOf(backend, x)
  const meanAt = addressOf(backend, mean)
  const dyAt = addressOf(backend, dy)
  addGradientSums(backend, { address: dyAt, rows, channels }, { x: xAt, mean: meanAt, sum, product })

  const [dMeanAt, dVarianceAt, dScaleAt] = [dMean, dVariance, dScale].map(
    (tensor) => addressOf(backend, tensor) / 4,
  )
  const varianceAt = addressOf(backend, variance) / 4
  const scaleAt = scale && addressOf(backend, scale) / 4
  for (let c = 0; c < channels; c++) {
    const r = 1 / Math.sqrt(heap[varianceAt + c] + epsilon)
    const slope = (scaleAt === undefined ? 1 : heap[scaleAt + c]) * r
    const [s, p] = [heap[sum / 4 + c], heap[product / 4 + c]]
    heap[factor / 4 + c] = slope
    heap[dMeanAt + c] = -s * slope
    heap[dVarianceAt + c] = -0.5 * p * slope * r * r
    heap[dScaleAt + c] = p * r
  }
  scaleRows(backend, dyAt, addressOf(backend, dx), factor, zero, x.shape)
  return [dx, dMean, dVariance, dScale, dOffset]
}

function scaleRows(
  backend: BackendWasm,
  from: number,
  to: number,
  factor: number,
  shift: number,
  shape: readonly number[],
): void {
  const channels = shape[shape.length - 1]
  const rows = shape.reduce((size, length) => size * length, 1) / channels
  simdKernels(backend).scale(from, to, factor, shift, rows, channels / 4)
}
