import { tf } from '../tensorflow.ts'

/**
 * The numbers of a float32 tensor that is not disposed, once they are computed. `tensor.data()` gives the same, but
 * what its compiled generators allocate V8 puts where only a full collection looks: kilobytes for every step of training.
 */
export function numbersOf(tensor: tf.Tensor): Promise<Float32Array> {
  return tf.engine().read(tensor.dataId) as Promise<Float32Array>
}
