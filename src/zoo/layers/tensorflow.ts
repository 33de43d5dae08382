import type * as Tensorflow from '@tensorflow/tfjs'

/**
 * The module as a value. A kind of layer is given it and does not import it: the server reads the same files for their
 * shapes and costs, and TensorFlow.js is never loaded there.
 */
export type TensorFlow = typeof Tensorflow

/** A class of ours that extends one of TensorFlow.js: made when it is first asked for. */
export function layerClass<Class>(make: (tf: TensorFlow) => Class): (tf: TensorFlow) => Class {
  let made: Class | undefined
  return (tf) => (made ??= make(tf))
}

/** Zeros made on the engine: TensorFlow.js' own makes them in JavaScript first, 411 MB of them for VGG-16's widest layer. */
export function zeros(tf: TensorFlow) {
  const initializer = tf.initializers.zeros()
  initializer.apply = (shape, dtype) => tf.fill(shape as number[], 0, dtype)
  return initializer
}
