import * as tf from '@tensorflow/tfjs'
import { beforeEach, describe, expect, test } from 'vitest'
import { calls, differenceOf, INSTRUCTION_SETS, startNative, values } from './support.ts'

type Weights = Record<string, tf.Tensor>

const INPUTS = {
  x: values([4, 8, 8, 3], 1),
  first: values([3, 3, 3, 32], 2, { from: -0.4, to: 0.4 }),
  gamma: values([32], 3, { from: 0.5, to: 1.5 }),
  beta: values([32], 4),
  second: values([3, 3, 32, 32], 5, { from: -0.1, to: 0.1 }),
  bias: values([32], 6),
  dense: values([128, 10], 7, { from: -0.2, to: 0.2 }),
  shift: values([10], 8),
}

function loss({ x, first, gamma, beta, second, bias, dense, shift }: Weights): tf.Scalar {
  const features = tf.conv2d(x as tf.Tensor4D, first as tf.Tensor4D, 1, 'same')
  const { mean, variance } = tf.moments(features, [0, 1, 2])
  const normal = tf.batchNorm(
    features,
    mean as tf.Tensor1D,
    variance as tf.Tensor1D,
    beta as tf.Tensor1D,
    gamma as tf.Tensor1D,
    1e-5,
  )
  const pooled = tf.maxPool(tf.relu(normal) as tf.Tensor4D, 2, 2, 'valid')
  const deeper = tf.fused.conv2d({
    x: pooled,
    filter: second as tf.Tensor4D,
    strides: 1,
    pad: 'same',
    bias,
    activation: 'relu',
  })
  const row = tf.reshape(tf.avgPool(deeper, 2, 2, 'valid'), [4, 128])
  const logits = tf.fused.matMul({ a: row, b: dense as tf.Tensor2D, bias: shift, activation: 'linear' })
  const labels = tf.oneHot(tf.tensor1d([3, 1, 4, 1], 'int32'), 10)
  return tf.losses.softmaxCrossEntropy(labels, logits)
}

describe.each(INSTRUCTION_SETS)('on %s', (instructionSet) => {
  beforeEach(async () => {
    await startNative(2, instructionSet)
    calls.clear()
  })

  test('the loss of a network and the gradients of all its weights agree with plain JavaScript', async () => {
    const names = Object.keys(INPUTS)
    const error = await differenceOf(INPUTS, (tensors) => {
      const of = (...weights: tf.Tensor[]) =>
        loss(Object.fromEntries(names.map((name, i) => [name, weights[i]])))
      const { value, grads } = tf.valueAndGrads(of)(names.map((name) => tensors[name as keyof typeof INPUTS]))
      return [value, ...grads]
    })
    // Several layers on top of each other.
    expect(error).toBeLessThan(5e-5)
    expect(calls.size).toBeGreaterThan(8)
  })

  test('a network learns', () => {
    const optimizer = tf.train.momentum(0.02, 0.9)
    const { x, ...weights } = INPUTS
    const images = tf.tensor(x.data, x.shape)
    const variables = Object.entries(weights).map(([name, { data, shape }]) => [
      name,
      tf.variable(tf.tensor(data, shape)),
    ])
    const step = () => {
      const value = optimizer.minimize(() => loss({ ...Object.fromEntries(variables), x: images }), true)!
      const [read] = value.dataSync()
      value.dispose()
      return read
    }
    const first = step()
    for (let i = 0; i < 15; i++) step()
    expect(step()).toBeLessThan(first / 5)
    optimizer.dispose()
    tf.dispose([images, variables.map(([, variable]) => variable)])
  })
})
