import * as tf from '@tensorflow/tfjs'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Random } from '../../../src/random.ts'
import { adaptiveAveragePoolLayer } from '../../../src/zoo/layers/adaptive-average-pool.ts'
import { channelNormalization } from '../../../src/zoo/layers/batch-normalization.ts'
import { steppedDropout } from '../../../src/zoo/layers/dropout.ts'
import { localResponseNormalizationLayer } from '../../../src/zoo/layers/local-response-normalization.ts'
import { useBackend } from '../../support/backend.ts'

const ChannelNormalization = channelNormalization(tf)
const SteppedDropout = steppedDropout(tf)
const LocalResponseNormalization = localResponseNormalizationLayer(tf)

type Shape4 = [number, number, number, number]

function normal(shape: Shape4, key = 1): tf.Tensor4D {
  return tf.tensor4d(
    new Random(7, key).normal(
      shape.reduce((a, b) => a * b),
      1,
    ),
    shape,
  )
}

/** The largest difference between two arrays. */
function distance(one: ArrayLike<number>, other: ArrayLike<number>): number {
  expect(one.length).toBe(other.length)
  let largest = 0
  for (let i = 0; i < one.length; i++) {
    const difference = Math.abs(one[i]! - other[i]!)
    if (!(difference <= largest)) largest = difference
  }
  return largest
}

describe.each(['cpu', 'wasm'] as const)('on the %s backend', (backend) => {
  beforeEach(async () => {
    await useBackend(backend)
    tf.engine().startScope()
  })
  afterEach(() => tf.engine().endScope())
  afterAll(() => tf.disposeVariables())

  describe('local response normalisation', () => {
    it('is the formula of the paper with n=5, k=2, alpha=1e-4, beta=0.75', () => {
      const x = tf.mul(normal([2, 3, 3, 9]), 50) as tf.Tensor4D
      const y = new LocalResponseNormalization({}).apply(x) as tf.Tensor
      const values = x.dataSync()
      const expected = values.map((value, i) => {
        const channel = i % 9
        let squares = 0
        for (let other = Math.max(0, channel - 2); other <= Math.min(8, channel + 2); other++) {
          squares += values[i - channel + other]! ** 2
        }
        return value / (2 + 1e-4 * squares) ** 0.75
      })
      expect(distance(y.dataSync(), expected)).toBeLessThan(1e-4)
    })

    it('has the gradient that finite differences give', () => {
      const x = tf.mul(normal([1, 2, 2, 7]), 20) as tf.Tensor4D
      const layer = new LocalResponseNormalization({})
      expectGradient((input) => layer.apply(input) as tf.Tensor, x, 0.1)
    })
  })

  describe('the adaptive average pool to 7x7', () => {
    it.each<[number, number]>([
      [1, 1],
      [2, 2],
      [5, 5],
      [7, 7],
      [10, 10],
      [14, 14],
      [7, 14],
      [5, 10],
      [21, 9],
    ])('follows the bins of PyTorch for %ix%i', (height, width) => {
      const x = normal([2, height, width, 3])
      const y = adaptiveAveragePoolLayer(tf, [height, width], 7, 'avgpool').apply(x) as tf.Tensor4D
      expect(y.shape).toEqual([2, 7, 7, 3])
      expect(distance(y.dataSync(), naivePool(x, 7))).toBeLessThan(1e-6)
    })

    it.each<[number, number]>([
      [1, 1],
      [5, 5],
      [7, 7],
      [10, 10],
      [14, 14],
      [5, 10],
    ])('has the gradient that finite differences give for %ix%i', (height, width) => {
      const layer = adaptiveAveragePoolLayer(tf, [height, width], 7, 'avgpool')
      expectGradient((input) => layer.apply(input) as tf.Tensor, normal([2, height, width, 2]), 0.5)
    })
  })

  describe('dropout', () => {
    const state = { seed: 777, step: 0 }
    const masked = (layer: number, step: number, seed = 777) => {
      state.seed = seed
      state.step = step
      const dropout = new SteppedDropout({ rate: 0.25 }, layer, state)
      return (dropout.apply(tf.ones([40, 50]), { training: true }) as tf.Tensor).dataSync()
    }

    it('gives the same mask again for the same seed, layer and step', () => {
      expect(masked(35, 12)).toEqual(masked(35, 12))
    })

    it('gives another mask for another step, layer or seed, as independent as chance', () => {
      const mask = masked(35, 12)
      for (const other of [masked(35, 13), masked(38, 12), masked(35, 12, 778)]) {
        const same = mask.filter((value, i) => value === other[i]).length / mask.length
        // Two independent masks agree on 0.75^2 + 0.25^2 = 0.625 of the values; the deviation of 2000 is 0.011.
        expect(Math.abs(same - 0.625)).toBeLessThan(0.055)
      }
    })

    it('drops the rate and scales up the rest', () => {
      const mask = masked(35, 1)
      expect(new Set(mask)).toEqual(new Set([0, Math.fround(4 / 3)]))
      expect(Math.abs(mask.filter((value) => value === 0).length / mask.length - 0.25)).toBeLessThan(0.05)
    })

    it('masks the gradient as it masked the values, and reads the step at every call', () => {
      state.step = 3
      const dropout = new SteppedDropout({ rate: 0.5 }, 1, state)
      const gradient = (step: number) => {
        state.step = step
        return tf
          .grad((x) => dropout.apply(x, { training: true }) as tf.Tensor)(tf.ones([4, 8]))
          .dataSync()
      }
      const third = gradient(3)
      expect(gradient(4)).not.toEqual(third)
      expect(gradient(3)).toEqual(third)
      const output = dropout.apply(tf.ones([4, 8]), { training: true }) as tf.Tensor
      expect(output.dataSync()).toEqual(third)
    })

    it('changes nothing in prediction and refuses to train without a state', () => {
      const dropout = new SteppedDropout({ rate: 0.5, name: 'classifier.2' }, 1, undefined)
      expect((dropout.apply(tf.ones([2, 2])) as tf.Tensor).dataSync()).toEqual(new Float32Array(4).fill(1))
      expect(() => dropout.apply(tf.ones([2, 2]), { training: true })).toThrow(/classifier\.2.*dropout/)
    })
  })

  describe('batch normalisation', () => {
    // Offset and spread differ by channel, so that a mistake in the mean or the variance shows.
    const input = (shape: Shape4) =>
      tf.add(tf.mul(normal(shape), tf.range(1, shape[3] + 1)), tf.range(0, shape[3])) as tf.Tensor4D

    it.each<[Shape4]>([[[3, 4, 5, 6]], [[4, 1, 1, 5]], [[2, 1, 3, 4]], [[1, 3, 1, 4]]])(
      'of %j agrees with the layer of TensorFlow.js in value, gradient and prediction',
      (shape) => {
        const x = input(shape)
        const dy = normal(shape, 2)
        const ours = new ChannelNormalization({})
        const theirs = tf.layers.batchNormalization({ epsilon: 1e-5, momentum: 0.9 })
        const gamma = tf.range(1, shape[3] + 1)
        const beta = tf.linspace(-1, 1, shape[3])
        const results = [ours, theirs].map((layer) => {
          layer.apply(x)
          layer.setWeights([gamma, beta, tf.zeros(beta.shape), tf.ones(beta.shape)])
          const train = (value: tf.Tensor) => layer.apply(value, { training: true }) as tf.Tensor
          const weights = layer.trainableWeights.map((weight) => weight.read() as tf.Variable)
          const { grads } = tf.variableGrads(() => tf.sum(tf.mul(train(x), dy)) as tf.Scalar, weights)
          return {
            value: train(x).dataSync(),
            dx: tf.grad(train)(x, dy).dataSync(),
            dgamma: grads[weights[0]!.name]!.dataSync(),
            dbeta: grads[weights[1]!.name]!.dataSync(),
            prediction: (layer.apply(x) as tf.Tensor).dataSync(),
            mean: layer.weights[2]!.read().dataSync(),
            variance: layer.weights[3]!.read().dataSync(),
          }
        })
        const [own, reference] = results as [(typeof results)[0], (typeof results)[0]]
        expect(distance(own.value, reference.value)).toBeLessThan(1e-4)
        expect(distance(own.dx, reference.dx)).toBeLessThan(1e-4)
        expect(distance(own.dgamma, reference.dgamma)).toBeLessThan(1e-4)
        expect(distance(own.dbeta, reference.dbeta)).toBeLessThan(1e-4)
        expect(distance(own.mean, reference.mean)).toBeLessThan(1e-4)

        // Three batches were seen. Theirs keeps the biased variance, ours PyTorch's, larger by count / (count - 1).
        const count = shape[0] * shape[1] * shape[2]
        const kept = 0.9 ** 3
        const unbiased = reference.variance.map((value) => kept + ((value - kept) * count) / (count - 1))
        expect(distance(own.variance, unbiased)).toBeLessThan(2e-4)
        theirs.weights[3]!.write(tf.tensor(own.variance))
        expect(distance(own.prediction, (theirs.apply(x) as tf.Tensor).dataSync())).toBeLessThan(1e-4)
      },
    )

    it('leaves no tensor behind', () => {
      const layer = new ChannelNormalization({})
      const x = input([2, 4, 4, 3])
      layer.apply(x)
      const step = () =>
        tf.tidy(() => {
          const weights = layer.trainableWeights.map((weight) => weight.read() as tf.Variable)
          tf.variableGrads(
            () => tf.sum(layer.apply(x, { training: true }) as tf.Tensor) as tf.Scalar,
            weights,
          )
        })
      step()
      const before = tf.memory()
      for (let i = 0; i < 5; i++) step()
      expect(tf.memory().numTensors).toBe(before.numTensors)
      expect(tf.memory().numBytes).toBe(before.numBytes)
    })
  })
})

/** PyTorch's rule: output cell i averages the input cells from floor(i n / size) to ceil((i + 1) n / size). */
function naivePool(x: tf.Tensor4D, size: number): number[] {
  const [n, h, w, c] = x.shape
  const values = x.arraySync()
  const output: number[] = []
  for (let image = 0; image < n; image++) {
    for (let row = 0; row < size; row++) {
      for (let column = 0; column < size; column++) {
        for (let channel = 0; channel < c; channel++) {
          let sum = 0
          let cells = 0
          for (let y = Math.floor((row * h) / size); y < Math.ceil(((row + 1) * h) / size); y++) {
            for (let x = Math.floor((column * w) / size); x < Math.ceil(((column + 1) * w) / size); x++) {
              sum += values[image]![y]![x]![channel]!
              cells++
            }
          }
          output.push(sum / cells)
        }
      }
    }
  }
  return output
}

/** Compares the gradient of sum(f(x) * direction) with central differences of step `h`, at every 5th number of x. */
function expectGradient(f: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor4D, h: number): void {
  const direction = normal(f(x).shape as Shape4, 9)
  const gradient = tf.grad(f)(x, direction).dataSync()
  const values = x.dataSync()
  const along = (moved: Float32Array) => {
    const output = f(tf.tensor4d(moved, x.shape)).dataSync() as Float32Array
    return output.reduce((sum, value, i) => sum + value * weights[i]!, 0)
  }
  const weights = direction.dataSync()
  for (let i = 0; i < values.length; i += 5) {
    const up = Float32Array.from(values)
    const down = Float32Array.from(values)
    up[i]! += h
    down[i]! -= h
    const expected = (along(up) - along(down)) / (up[i]! - down[i]!)
    expect(Math.abs(gradient[i]! - expected)).toBeLessThan(1e-3 + 1e-3 * Math.abs(expected))
  }
}
