import { tf } from '../tensorflow.ts'

/**
 * Where images are made larger by whole numbers, as the VGG head does with small ones, the cpu kernel of TensorFlow.js
 * 4.22 for the gradient reads every image's from near the first one's: right for one image, wrong for a batch. The
 * gradient is the sum over each pixel's copies: an average pool, times their number.
 */
export function correctGradients(): void {
  const stock = tf.getGradient('ResizeNearestNeighbor')
  if (stock.gradFunc === enlargedGradient) return
  stockGradient = stock.gradFunc
  tf.registerGradient({ ...stock, gradFunc: enlargedGradient })
}

let stockGradient: tf.GradFunc

const enlargedGradient: tf.GradFunc = (dys, saved, attrs) => {
  const dy = dys as tf.Tensor4D
  const [images] = saved as [tf.Tensor4D]
  const factors: [number, number] = [dy.shape[1] / images.shape[1], dy.shape[2] / images.shape[2]]
  if (attrs.alignCorners || !factors.every(Number.isInteger)) return stockGradient(dys, saved, attrs)
  return { images: () => tf.mul(tf.avgPool(dy, factors, factors, 'valid'), factors[0] * factors[1]) }
}
