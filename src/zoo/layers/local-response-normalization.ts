import type * as tf from '@tensorflow/tfjs'
import { type LayerKind, same } from './kind.ts'
import { layerClass } from './tensorflow.ts'

/**
 * Local response normalisation across channels, as AlexNet (section 3.3) and the VGG paper have it:
 * y[c] = x[c] / (k + alpha * sum of x^2 over the n channels around c)^beta with n = 5, k = 2, alpha = 1e-4,
 * beta = 0.75. TensorFlow.js counts the channels on one side (depthRadius 2), calls k bias, and like the paper
 * does not divide alpha by n, which PyTorch's LocalResponseNorm does. Input and output: [n, h, w, c].
 */
export const localResponseNormalization: LayerKind<'LRN'> = {
  name: 'LRN',
  title: 'Local response normalisation',
  description: 'Each value is made smaller by the squares of its neighbours in the channels around it.',
  label: () => '',
  isWeightLayer: false,
  // The suffix :lrn of a convolution.
  notation: null,

  measure: same,
  variables: null,
  tensors: null,
  build: (tf, { name }) => new (localResponseNormalizationLayer(tf))({ name }),
  fusing: null,
  // Engines of ours have no kernel for it.
  memory: () => ({ isScripted: true }),
  standard:
    'TensorFlow.js has no layer for local response normalisation, so this network is no LayersModel; its safetensors file has all its weights.',
  keras: {},
}

/** As a class of TensorFlow.js. */
export const localResponseNormalizationLayer = layerClass((tf) => {
  class LocalResponseNormalization extends tf.layers.Layer {
    static className = 'LocalResponseNormalization'

    override computeOutputShape(inputShape: tf.Shape): tf.Shape {
      return inputShape
    }

    override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
      const x = (Array.isArray(inputs) ? inputs[0]! : inputs) as tf.Tensor4D
      return tf.localResponseNormalization(x, 2, 2, 1e-4, 0.75)
    }
  }
  tf.serialization.registerClass(LocalResponseNormalization)
  return LocalResponseNormalization
})
