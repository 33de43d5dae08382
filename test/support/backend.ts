import * as tf from '@tensorflow/tfjs'
import '@tensorflow/tfjs-backend-wasm'

/** Makes a backend current, without the advertisement that TensorFlow.js prints at its first operation. */
export async function useBackend(name: 'cpu' | 'wasm'): Promise<void> {
  tf.enableProdMode()
  await tf.setBackend(name)
  await tf.ready()
}
