import * as tf from '@tensorflow/tfjs'

/**
 * Local response normalisation across channels, as AlexNet (section 3.3) and the VGG paper have it:
 * y[c] = x[c] / (k + alpha * sum of x^2 over the n channels around c)^beta with n = 5, k = 2, alpha = 1e-4,
 * beta = 0.75. TensorFlow.js counts the channels on one side (depthRadius 2), calls k bias, and like the paper
 * does not divide alpha by n, which PyTorch's LocalResponseNorm does. Input and output: [n, h, w, c].
 */
export class LocalResponseNormalization extends tf.layers.Layer {
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
