import { tf } from '../../tensorflow.ts'
import type { NativeBackend } from './backend.ts'
import { inPlaceOf, registerConsumingGradient, tensorOf } from './fused-gradient.ts'
import { registerFusedKernel } from './kernels.ts'

interface Attributes {
  epsilon: number
  relu: boolean
  pool: boolean
}

export function registerFusedNormalization(): void {
  registerFusedKernel<{ x: tf.TensorInfo; gamma: tf.TensorInfo; beta: tf.TensorInfo }, Attributes>(
    'VggzooNormalization',
    ({ inputs: { x, gamma, beta }, attrs, backend }) => {
      const c = x.shape[3]!
      const mean = backend.take(c)
      const variance = backend.take(c)
      backend.addon.channelMoments(tf.util.sizeFromShape(x.shape) / c, c, backend.values(x), mean, variance)
      const { scale, shift } = lineOf(backend, gamma, beta, mean, variance, attrs.epsilon)
      return [
        scaled(backend, x, scale, shift, attrs),
        backend.output(mean, [c]),
        backend.output(variance, [c]),
      ]
    },
  )
  registerConsumingGradient<Attributes>(
    'VggzooNormalization',
    { inputs: ['x', 'gamma', 'beta'], outputs: [false, true, true] },
    (dy, [x, gamma, beta, mean, variance], { epsilon, relu, pool }, backend) => {
      const c = x.shape[3]!
      const means = backend.values(mean)
      const { scale, shift, inverse } = lineOf(backend, gamma, beta, means, backend.values(variance), epsilon)
      const dgamma = backend.take(c)
      const dbeta = backend.take(c)
      const shape = Int32Array.from(x.shape)
      const dx = inPlaceOf(backend, x, (from, to) =>
        backend.addon.batchNormGradient(
          shape,
          relu,
          pool,
          from,
          backend.values(dy),
          scale,
          shift,
          means,
          inverse,
          dgamma,
          dbeta,
          to,
        ),
      )
      tf.dispose([dy, mean, variance])
      const slopes = tensorOf(backend, dgamma, [c])
      const offsets = tensorOf(backend, dbeta, [c])
      return { x: () => dx, gamma: () => slopes, beta: () => offsets }
    },
  )
  registerFusedKernel<{ x: tf.TensorInfo; scale: tf.TensorInfo; shift: tf.TensorInfo }, Attributes>(
    'VggzooScaleShift',
    ({ inputs: { x, scale, shift }, attrs, backend }) => [
      scaled(backend, x, backend.values(scale), backend.values(shift), attrs),
    ],
  )
}

/** Batch norm of one channel is a line: x * scale + shift. The same bits there and back, where they decide about ReLU. */
function lineOf(
  backend: NativeBackend,
  gamma: tf.TensorInfo,
  beta: tf.TensorInfo,
  mean: Float32Array,
  variance: Float32Array,
  epsilon: number,
): { scale: Float32Array; shift: Float32Array; inverse: Float32Array } {
  const [gammas, betas] = [backend.values(gamma), backend.values(beta)]
  const inverse = variance.map((value) => 1 / Math.sqrt(value + epsilon))
  const scale = inverse.map((value, i) => value * gammas[i]!)
  const shift = scale.map((value, i) => betas[i]! - mean[i]! * value)
  return { scale, shift, inverse }
}

function scaled(
  backend: NativeBackend,
  x: tf.TensorInfo,
  scale: Float32Array,
  shift: Float32Array,
  { relu, pool }: Pick<Attributes, 'relu' | 'pool'>,
): tf.TensorInfo {
  const [n, h, w, c] = x.shape as [number, number, number, number]
  const shape = pool ? [n, h >> 1, w >> 1, c] : x.shape
  const y = backend.take(tf.util.sizeFromShape(shape))
  backend.addon.scaleShift(Int32Array.from(x.shape), backend.values(x), scale, shift, relu, pool, y)
  return backend.output(y, shape)
}
