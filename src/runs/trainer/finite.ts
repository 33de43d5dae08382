import * as tf from '@tensorflow/tfjs'

/** For each tensor 0 where all of its values are finite, else NaN: [tensors]. */
export function finiteness(tensors: readonly tf.Tensor[]): tf.Tensor1D {
  // 0 * NaN and 0 * Infinity are NaN; every engine has these two operations, and reading one number waits but once.
  // The products of one tensor go before those of the next: all of them would be as large as the network.
  return tf.tidy(() => tf.stack(tensors.map((it) => tf.tidy(() => it.mul(0).sum()))) as tf.Tensor1D)
}
