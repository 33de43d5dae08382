import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, test } from 'vitest'
import { findArchitecture } from '../../../src/zoo/catalog.ts'
import { buildModel } from '../../../src/zoo/model.ts'
import { useBackend } from '../../support/backend.ts'

beforeAll(() => useBackend('wasm'))

test('VGG-16 classifies a picture of 224x224', () => {
  const model = buildModel(findArchitecture('vgg16')!)
  tf.tidy(() => {
    for (const weight of model.layers.flatMap((layer) => layer.weights)) weight.write(cheapWeights(weight))
  })
  const picture = tf.randomNormal([1, 224, 224, 3], 0, 1, 'float32', 1)
  const logits = tf.tidy(() => (model.apply(picture) as tf.Tensor).dataSync() as Float32Array)
  expect(logits).toHaveLength(1000)
  expect(logits.every(Number.isFinite)).toBe(true)
  expect(new Set(logits).size).toBeGreaterThan(900)
  model.dispose()
})

function size(weight: tf.LayerVariable): number {
  return (weight.shape as number[]).reduce((product, length) => product * length, 1)
}

/** Random weights of rank 8, made on the engine: 138 million normal numbers would take longer than the test. */
function cheapWeights(weight: tf.LayerVariable): tf.Tensor {
  const shape = weight.shape as number[]
  if (shape.length === 1) return tf.zeros(shape)
  const outputs = shape.at(-1)!
  const inputs = size(weight) / outputs
  // Of variance 2 / inputs, which keeps the activations' size through the ReLUs.
  const left = tf.randomNormal([inputs, 8], 0, Math.sqrt(2 / inputs), 'float32', 1)
  return tf.matMul(left, tf.randomNormal([8, outputs], 0, Math.sqrt(1 / 8), 'float32', 2)).reshape(shape)
}
