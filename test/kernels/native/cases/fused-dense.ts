import * as tf from '@tensorflow/tfjs'
import { Random } from '../../../../src/random.ts'
import { type Values, values } from '../support.ts'
import { TOLERANCE } from './case.ts'
import type { FusedCase, FusedCases } from './fused-case.ts'

/** A few rows have a kernel of their own; a block of outputs, of inputs, and more than one. */
const DENSE: [rows: number, inputs: number, outputs: number][] = [
  [1, 7, 5],
  [3, 130, 10],
  [4, 33, 64],
  [5, 6, 1],
  [9, 300, 33],
  [32, 128, 48],
  [17, 3, 260],
]

function dense(
  [rows, inputs, outputs]: [number, number, number],
  relu: boolean,
  seed: number,
  step: number,
): FusedCase {
  const range = step === 0 ? {} : { from: -3, to: 3, step }
  return {
    name: `${rows}x${inputs}x${outputs}${step === 0 ? '' : ', whole numbers'}`,
    inputs: {
      x: values([rows, inputs], seed, range),
      weights: values([inputs, outputs], seed + 1, range),
      bias: values([outputs], seed + 2, range),
    },
    dy: values([rows, outputs], seed + 3, range),
    fused: (layers, { x, weights, bias }) => [layers.dense(x, weights, bias, relu)],
    stock({ x, weights, bias }) {
      const sums = tf.add(tf.matMul(x, weights), bias)
      return [relu ? tf.relu(sums) : sums]
    },
    // Sums of whole numbers are exact, and some are 0, where a ReLU has no gradient.
    tolerance: step === 0 ? TOLERANCE : 0,
  }
}

const KEY = [5, 2, 9]

const dropout = (x: Values, rate: number): FusedCase => ({
  name: `${x.shape.join('x')}, rate ${rate}`,
  inputs: { x },
  dy: values(x.shape, 3),
  fused: (layers, { x }) => [layers.dropout(x, rate, new Random(...KEY).state())],
  stock: ({ x }) => [tf.mul(x, tf.tensor(new Random(...KEY).dropoutMask(x.size, rate), x.shape))],
  tolerance: 0,
})

const labelsOf = (rows: number, classes: number) =>
  Int32Array.from({ length: rows }, (_, i) => (7 * i) % classes)

/** Of three results the loss has a gradient, the count has none. */
function crossEntropy(name: string, logits: Values, smoothing: number, tolerance = TOLERANCE): FusedCase {
  const [rows, classes] = logits.shape
  const labels = labelsOf(rows, classes)
  return {
    name: `${name}, smoothing ${smoothing}`,
    inputs: { logits },
    dy: { ...values([1], 5), shape: [] },
    fused(layers, { logits }) {
      const { loss, correct } = layers.crossEntropy(logits, labels, smoothing)
      return [loss, correct]
    },
    stock({ logits }) {
      const truth = tf.tensor1d(labels, 'int32')
      return [
        tf.losses.softmaxCrossEntropy(tf.oneHot(truth, classes).toFloat(), logits, undefined, smoothing),
        tf.cast(tf.sum(tf.equal(tf.argMax(logits, 1), truth)), 'float32'),
      ]
    },
    tolerance,
  }
}

const losses = [0, 0.1].flatMap((smoothing) => [
  crossEntropy('8x10', values([8, 10], 1, { from: -5, to: 5 }), smoothing),
  crossEntropy('1x2', values([1, 2], 2), smoothing),
  crossEntropy('33x100', values([33, 100], 3, { from: -9, to: 9 }), smoothing),
  // The first of equal logits is the prediction.
  crossEntropy('equal logits', values([40, 4], 4, { from: -1, to: 1, step: 1 }), smoothing),
  crossEntropy('logits of one value', values([12, 7], 5, { from: 2, to: 2 }), smoothing),
  crossEntropy('large logits', values([8, 10], 6, { from: -1e4, to: 1e4 }), smoothing),
  crossEntropy('huge logits', values([8, 10], 7, { from: -1e30, to: 1e30 }), smoothing),
])

export const FUSED_DENSE_CASES: FusedCases = {
  Dense: [
    ...DENSE.map((shape, at) => dense(shape, false, 10 * at, 1)),
    ...DENSE.map((shape, at) => dense(shape, false, 10 * at, 0)),
  ],
  DenseRelu: DENSE.map((shape, at) => dense(shape, true, 10 * at, 1)),
  Dropout: [0, 0.3, 0.5].flatMap((rate) => [
    dropout(values([2, 3, 4, 5], 1), rate),
    // More than a thread takes at a time.
    dropout(values([40, 1000], 2), rate),
  ]),
  CrossEntropy: losses,
}
