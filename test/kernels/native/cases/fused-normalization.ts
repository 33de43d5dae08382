import * as tf from '@tensorflow/tfjs'
import type { After } from '../../../../src/engine/fused.ts'
import { given, type Values, values } from '../support.ts'
import { TOLERANCE } from './case.ts'
import { afterwards, type FusedCase, type FusedCases, nameOfAfter, shapeAfter } from './fused-case.ts'

const EPSILON = 1e-5

const AFTER: After[] = [
  { relu: false, pool: false },
  { relu: true, pool: false },
  { relu: false, pool: true },
  { relu: true, pool: true },
]
const SHAPES = [
  [3, 8, 8, 32],
  [2, 7, 5, 5],
  [2, 9, 9, 3],
  [4, 5, 6, 48],
  [1, 2, 3, 64],
  // More rows than a thread takes at a time, and more than are summed up at once.
  [6, 21, 20, 16],
]

/** Every fourth 0, the others of both signs. */
const gammas = (c: number, seed: number): Values => {
  const { data } = values([c], seed, { from: -2, to: 2 })
  return given(
    [c],
    Array.from(data, (value, i) => (i % 4 === 1 ? 0 : value)),
  )
}
/** Some 0, so that where gamma is 0, too, nothing passes a ReLU. */
const betas = (c: number, seed: number): Values => {
  const { data } = values([c], seed)
  return given(
    [c],
    Array.from(data, (value, i) => (i % 8 === 1 ? 0 : value)),
  )
}

function normalization(
  name: string,
  x: Values,
  after: After,
  seed: number,
  tolerance = TOLERANCE,
): FusedCase {
  const c = x.shape[3]
  return {
    name: `${name}${nameOfAfter(after)}`,
    inputs: { x, gamma: gammas(c, seed), beta: betas(c, seed + 1) },
    dy: values(shapeAfter(x.shape, after), seed + 2),
    fused(layers, { x, gamma, beta }) {
      const { y, mean, variance } = layers.normalization(x, gamma, beta, EPSILON, after)
      return [y, mean, variance]
    },
    stock({ x, gamma, beta }) {
      const { mean, variance } = tf.moments(x, [0, 1, 2]) as { mean: tf.Tensor1D; variance: tf.Tensor1D }
      return [
        afterwards(tf.batchNorm(x as tf.Tensor4D, mean, variance, beta, gamma, EPSILON), after),
        mean,
        variance,
      ]
    },
    tolerance,
  }
}

/** Steps of 1/4: what is equal is equal on every engine, and nothing else is nearly so. */
const stepped = (shape: number[], seed: number) => values(shape, seed, { from: -2, to: 2, step: 0.25 })

/** One value in all of the even channels. */
function constant(shape: number[], seed: number): Values {
  const x = stepped(shape, seed)
  return { ...x, data: x.data.map((value, i) => ((i % shape[3]) % 2 === 0 ? 0.5 : value)) as Float32Array }
}

function farFromZero(shape: number[], seed: number): Values {
  const x = stepped(shape, seed)
  return { ...x, data: x.data.map((value) => value + 8) as Float32Array }
}

const scaleShift = (x: Values, after: After, seed: number): FusedCase => ({
  name: `${x.shape.join('x')}${nameOfAfter(after)}`,
  inputs: { x, scale: gammas(x.shape[3], seed), shift: betas(x.shape[3], seed + 1) },
  fused: (layers, { x, scale, shift }) => [layers.scaleShift(x, scale, shift, after)],
  stock: ({ x, scale, shift }) => [afterwards(tf.add(tf.mul(x, scale), shift), after)],
  tolerance: TOLERANCE,
})

export const FUSED_NORMALIZATION_CASES: FusedCases = {
  Normalization: AFTER.flatMap((after, kind) => [
    ...SHAPES.map((shape, at) =>
      normalization(shape.join('x'), stepped(shape, 10 * at), after, 10 * at + kind),
    ),
    normalization('channels of one value', constant([2, 6, 5, 20], 1), after, 2),
    // x * scale and shift are then eight times the result, and so is what they are rounded by.
    normalization('far from 0', farFromZero([3, 7, 6, 20], 3), after, 4, 8 * TOLERANCE),
  ]),
  ScaleShift: AFTER.flatMap((after) =>
    SHAPES.map((shape, at) => scaleShift(values(shape, at), after, 10 * at)),
  ),
}
