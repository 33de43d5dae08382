import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, test } from 'vitest'
import { selectEngine } from '../../../src/engine/select.ts'

beforeAll(() => selectEngine('cpu'))

describe('the gradient of images made larger', () => {
  // TensorFlow.js' own reads every image's gradient from near the first one's.
  test.each([
    [1, 1, 7, 7],
    [2, 3, 4, 9],
    [3, 1, 3, 4],
    [4, 4, 4, 8],
  ])('of %i x %i to %i x %i pixels gives each image its own', (h, w, height, width) => {
    const x = tf.randomUniform([3, h, w, 2], -1, 1, 'float32', 1) as tf.Tensor4D
    const dy = tf.randomUniform([3, height, width, 2], -1, 1, 'float32', 2) as tf.Tensor4D
    const dx = tf.grad((it): tf.Tensor => tf.image.resizeNearestNeighbor(it as tf.Tensor4D, [height, width]))(
      x,
      dy,
    )
    const expected = tf.buffer([3, h, w, 2])
    const values = dy.arraySync()
    for (let n = 0; n < 3; n++)
      for (let r = 0; r < height; r++)
        for (let c = 0; c < width; c++)
          for (let i = 0; i < 2; i++) {
            const [row, column] = [Math.floor((r * h) / height), Math.floor((c * w) / width)]
            expected.set(expected.get(n, row, column, i) + values[n]![r]![c]![i]!, n, row, column, i)
          }
    const difference = tf.max(tf.abs(tf.sub(dx, expected.toTensor()))).dataSync()[0]
    expect(difference).toBeLessThan(1e-5)
  })
})
