import * as tf from '@tensorflow/tfjs'
import { beforeEach, describe, expect, test } from 'vitest'
import { type FusedLayers, fusedLayers } from '../../../src/engine/fused.ts'
import { BACKEND } from '../../../src/engine/native/kernels.ts'
import { Random } from '../../../src/random.ts'
import { crossEntropy } from '../../../src/trainer/loss.ts'
import { difference, given, INSTRUCTION_SETS, on, startNative, values } from './support.ts'

let layers: FusedLayers

describe.each(INSTRUCTION_SETS)('on %s', (instructionSet) => {
  beforeEach(async () => {
    await startNative(2, instructionSet)
    layers = fusedLayers(tf)!
  })

  test.each([
    [0, [1, 2, 3]],
    [0.3, [7, 0, 4_000_000_000]],
    [0.5, [2 ** 31, 5, 1]],
  ])("dropout at rate %d drops what the key's mask says, bit for bit, there and back", (rate, key) => {
    const length = 50_001
    const mask = new Random(...key).dropoutMask(length, rate)
    const ones = given(
      [length],
      Array.from({ length }, () => 1),
    )
    const [y, dx] = tf.tidy(() => {
      const x = tf.tensor(ones.data)
      const drop = (it: tf.Tensor) => layers.dropout(it, rate, new Random(...key).state())
      return [
        drop(x).dataSync(),
        tf
          .grad((it) => tf.sum(drop(it)))(x)
          .dataSync(),
      ]
    })
    const bits = (array: tf.TypedArray | Float32Array) => Buffer.from(array.slice().buffer)
    expect(bits(y).equals(bits(mask))).toBe(true)
    expect(bits(dx).equals(bits(mask))).toBe(true)
    expect(mask.filter((value) => value === 0).length / length).toBeCloseTo(rate, 1)
  })

  describe('of equal values the first in reading order has the gradient', () => {
    // Three channels: the loop for what is left of a vector; 32: the vectors.
    test.each([3, 32])('after a pool of a convolution to %d channels', (co) => {
      const after = { relu: false, pool: true, biasGradient: true }
      // A filter of one pixel that takes the first channel to all.
      const filter = tf.ones([1, 1, 1, co]) as tf.Tensor4D
      const bias = tf.zeros([co]) as tf.Tensor1D
      const gradientOf = (block: number[]) =>
        tf.tidy(() => {
          const x = tf.tensor4d(block, [1, 2, 2, 1])
          const of = (it: tf.Tensor) => layers.convolution(it as tf.Tensor4D, filter, bias, after)
          return Array.from(tf.grad(of)(x).dataSync(), (value) => value / co)
        })
      expect(gradientOf([2, 2, 2, 2])).toEqual([1, 0, 0, 0])
      expect(gradientOf([1, 2, 2, 2])).toEqual([0, 1, 0, 0])
      expect(gradientOf([1, 0, 2, 2])).toEqual([0, 0, 1, 0])
      expect(gradientOf([0, -0, 0, -1])).toEqual([1, 0, 0, 0])
      expect(gradientOf([-3, -2, -2, -3])).toEqual([0, 1, 0, 0])
      tf.dispose([filter, bias])
    })

    test.each([3, 32])('after a pool of %d normalized channels', (c) => {
      const repeated = (all: number[]) => all.flatMap((value) => Array.from({ length: c }, () => value))
      const after = { relu: true, pool: true }
      const betas = tf.fill([c], 3) as tf.Tensor1D
      /** Through mean and variance a gradient goes everywhere: it is compared with that of stock operations. */
      const errorOf = (block: number[], gamma: number) =>
        tf.tidy(() => {
          const [a, b, d, e] = block
          const x = tf.tensor4d(repeated([a, b, 4, -4, d, e, -5, 5]), [1, 2, 4, c])
          const weights = tf.tensor4d(repeated([1, 0]), [1, 1, 2, c])
          const gammas = tf.fill([c], gamma) as tf.Tensor1D
          const fused = (it: tf.Tensor4D) => layers.normalization(it, gammas, betas, 1e-5, after).y
          const stock = (it: tf.Tensor4D) => {
            const { mean, variance } = tf.moments(it, [0, 1, 2]) as Record<string, tf.Tensor1D>
            return tf.maxPool(tf.relu(tf.batchNorm(it, mean, variance, betas, gammas, 1e-5)), 2, 2, 'valid')
          }
          const [own, wanted] = [fused, stock].map((of) =>
            tf.grad((it) => tf.sum(tf.mul(of(it as tf.Tensor4D), weights)))(x),
          )
          return tf.max(tf.abs(tf.sub(own, wanted))).dataSync()[0]
        })
      const blocks = [
        [2, 2, 2, 2],
        [1, 2, 2, 2],
        [1, 0, 2, 2],
        [0, 1, 1, 1],
      ]
      // With -1 the smallest is the largest; with 0 all are.
      for (const gamma of [1, -1, 0])
        for (const block of blocks) expect(errorOf(block, gamma), `${block} by ${gamma}`).toBeLessThan(1e-5)
      betas.dispose()
    })
  })

  test.each(
    [
      [1, 5],
      [3, 32],
    ].flatMap(([n, c]) =>
      [false, true].flatMap((relu) => [false, true].map((pool) => ({ n, c, relu, pool }))),
    ),
  )(
    'what is not a number comes through, so that a training that diverged is seen: %o',
    ({ n, c, relu, pool }) => {
      const after = { relu, pool, biasGradient: true }
      tf.tidy(() => {
        const filter = tf.ones([3, 3, c, c]) as tf.Tensor4D
        const row = tf.ones([c]) as tf.Tensor1D
        const flat = (it: tf.Tensor4D) => tf.reshape(it, [n * 64, c]) as tf.Tensor2D
        const runs = [
          (it: tf.Tensor4D) => layers.convolution(it, filter, row, after),
          (it: tf.Tensor4D) => layers.normalization(it, row, row, 1e-5, after).y,
          (it: tf.Tensor4D) => layers.scaleShift(it, row, row, after),
          (it: tf.Tensor4D) => layers.dense(flat(it), tf.ones([c, 2]) as tf.Tensor2D, tf.ones([2]), relu),
          (it: tf.Tensor4D) => crossEntropy(flat(it), new Int32Array(n * 64), 0).loss,
        ]
        const { data } = values([n, 8, 8, c], 1)
        const comeThrough = (images: Float32Array) =>
          runs.map((run) =>
            run(tf.tensor4d(images, [n, 8, 8, c]))
              .dataSync()
              .some(Number.isNaN),
          )
        expect(comeThrough(data)).toEqual(runs.map(() => false))
        // Where a block of a pool begins, and where it ends.
        for (const at of [0, 9 * c + 1]) {
          const poisoned = data.slice()
          poisoned[at] = Number.NaN
          expect(comeThrough(poisoned)).toEqual(runs.map(() => true))
        }
      })
    },
  )

  test('the loss of a row that is not a number spoils no gradient but its own', async () => {
    const logits = values([5, 4], 1, { from: -3, to: 3 })
    logits.data[6] = Number.NaN
    logits.data[12] = Number.POSITIVE_INFINITY
    const labels = Int32Array.of(0, 1, 2, 3, 0)
    const gradients = ({ logits }: Record<string, tf.Tensor>) =>
      tf.grad((it) => crossEntropy(it as tf.Tensor2D, labels, 0.1).loss)(logits)
    const [own] = await on(BACKEND, { logits }, gradients)
    const [wanted] = await on('cpu', { logits }, gradients)
    expect(difference(own, wanted)).toBeLessThan(5e-6)
    const [loss] = await on(
      BACKEND,
      { logits },
      ({ logits }) => crossEntropy(logits as tf.Tensor2D, labels, 0.1).loss,
    )
    expect(loss.data[0]).toBeNaN()
    const rows = [0, 1, 2, 3, 4].map((row) => own.data.slice(4 * row, 4 * row + 4).every(Number.isFinite))
    expect(rows).toEqual([true, false, true, false, true])
  })

  test('a label whose logit is one of the largest counts only where it is the first of them', () => {
    const correct = (row: number[], label: number) =>
      tf.tidy(() => {
        const logits = tf.tensor2d([row, row.map((value) => -value)])
        return crossEntropy(logits, Int32Array.of(label, label), 0).correct.dataSync()[0]
      })
    expect([0, 1, 2].map((label) => correct([1, 3, 3], label))).toEqual([1, 1, 0])
    expect([0, 1, 2].map((label) => correct([2, 2, 2], label))).toEqual([2, 0, 0])
    expect([0, 1, 2].map((label) => correct([-1e30, 1e30, 1e30], label))).toEqual([1, 1, 0])
  })
})
