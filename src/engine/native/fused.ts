import { tf } from '../../tensorflow.ts'
import { type FusedLayers, registerFusedLayers } from '../fused.ts'
import type { NativeBackend } from './backend.ts'
import { registerFusedConvolutions } from './fused-convolution.ts'
import { registerFusedDense } from './fused-dense.ts'
import { tensorOf } from './fused-gradient.ts'
import { registerFusedLoss } from './fused-loss.ts'
import { registerFusedNormalization } from './fused-normalization.ts'
import { BACKEND } from './kernels.ts'
import { adamStep, sgdStep } from './steps.ts'

/** Registers the kernels whose names begin with Vggzoo, their gradients, and the operations that run them. */
export function registerFused(): void {
  registerFusedConvolutions()
  registerFusedDense()
  registerFusedNormalization()
  registerFusedLoss()
  registerFusedLayers(BACKEND, operations)
}

const operations: FusedLayers = {
  convolution(x, filter, bias, { relu, pool, biasGradient }) {
    const kernel = pool ? 'VggzooConvolutionPool' : relu ? 'VggzooConvolutionRelu' : 'VggzooConvolution'
    return run(kernel, { x, filter, bias }, { relu, pool, biasGradient })[0] as tf.Tensor4D
  },
  normalization(x, gamma, beta, epsilon, { relu, pool }) {
    const [y, mean, variance] = run('VggzooNormalization', { x, gamma, beta }, { epsilon, relu, pool })
    return { y: y as tf.Tensor4D, mean: mean as tf.Tensor1D, variance: variance as tf.Tensor1D }
  },
  scaleShift: (x, scale, shift, { relu, pool }) =>
    run('VggzooScaleShift', { x, scale, shift }, { relu, pool })[0] as tf.Tensor4D,
  dense: (x, weights, bias, relu) =>
    run(relu ? 'VggzooDenseRelu' : 'VggzooDense', { x, weights, bias })[0] as tf.Tensor2D,
  dropout: (x, rate, state) => run('VggzooDropout', { x }, { rate, state })[0],
  crossEntropy(logits, labels, smoothing) {
    const [loss, correct] = run('VggzooCrossEntropy', { logits }, { labels, smoothing })
    return { loss: loss as tf.Scalar, correct: correct as tf.Scalar }
  },
  zerosLike(variable) {
    const backend = tf.backend() as NativeBackend
    return tensorOf(backend, backend.take(variable.size).fill(0), variable.shape)
  },
  settle(variable) {
    ;(tf.backend() as NativeBackend).writable(variable)
  },
  sgdStep: (variable, gradient, velocity, options) =>
    sgdStep(tf.backend() as NativeBackend, variable, gradient, velocity, options),
  adamStep: (variable, gradient, mean, square, options) =>
    adamStep(tf.backend() as NativeBackend, variable, gradient, mean, square, options),
}

function run(kernel: string, inputs: Record<string, tf.Tensor>, attrs: object = {}): tf.Tensor[] {
  // Attributes are not only TensorFlow.js' kinds of values: nobody but the kernel reads them.
  return tf.engine().runKernel<tf.Tensor[]>(kernel, inputs, attrs as tf.NamedAttrMap)
}
