import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { type FusedLayers, fusedLayers } from '../../../src/engine/fused.ts'
import type { NativeBackend } from '../../../src/engine/native/backend.ts'
import { crossEntropy } from '../../../src/trainer/loss.ts'
import type { Architecture } from '../../../src/zoo/architecture.ts'
import { findArchitecture } from '../../../src/zoo/catalog.ts'
import { parseFeatures } from '../../../src/zoo/features.ts'
import { forwardOf } from '../../../src/zoo/forward.ts'
import { buildModel, initializeWeights } from '../../../src/zoo/model.ts'
import { ADAM, batchFor, NETWORKS, SGD, sessionFor } from './networks.ts'
import { startNative, values } from './support.ts'

let backend: NativeBackend
let layers: FusedLayers
beforeAll(async () => {
  backend = await startNative()
  layers = fusedLayers(tf)!
})

const held = () => {
  const { numTensors, numBytes, numDataBuffers } = tf.memory()
  return { numTensors, numBytes, numDataBuffers, usedBytes: backend.pool.stats.usedBytes }
}

describe('the memory of a network', () => {
  test.each(NETWORKS.map((it) => [it.name, it] as const))(
    'with %s is free again once its gradients are disposed of',
    (_name, architecture) => {
      const start = held()
      const model = buildModel(architecture, { dropout: { seed: 1, step: 0 } })
      initializeWeights(model, 1)
      const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable)
      const { x, y, size } = batchFor(architecture, 3, 1)
      const forward = forwardOf(model, { training: true })
      const pass = () => {
        const input = tf.tensor4d(x, [size, ...architecture.inputShape])
        const { value, grads } = tf.variableGrads(() => crossEntropy(forward(input), y, 0).loss, variables)
        const tensors = [input, value, ...Object.values(grads)]
        expect(Object.keys(grads)).toHaveLength(variables.length)
        return tensors
      }
      // What batch norm remembers is the pool's from the first pass on, and packed filters are kept from the second.
      for (let i = 0; i < 2; i++) tf.dispose(pass())
      const before = held()
      const tensors = pass()
      expect(tf.memory().numTensors).toBe(before.numTensors + variables.length + 2)
      tf.dispose(tensors)
      expect(held()).toEqual(before)
      model.dispose()
      expect(held()).toEqual(start)
    },
  )

  test.each([
    ['SGD', SGD],
    ['Adam', ADAM],
  ])('does not grow with 50 steps of %s, nor does what the pool keeps', async (_name, optimizer) => {
    const [architecture] = NETWORKS
    const session = sessionFor(architecture, optimizer)
    const batch = batchFor(architecture, 5, 1)
    for (let step = 0; step < 3; step++) await session.step(batch, step, 0.01)
    const before = [held(), backend.pool.stats]
    for (let step = 3; step < 53; step++) await session.step(batch, step, 0.01)
    expect([held(), backend.pool.stats]).toEqual(before)
    session.dispose()
  })

  test('is all given back when a session ends', async () => {
    const before = held()
    const session = sessionFor(NETWORKS[0], ADAM)
    await session.step(batchFor(NETWORKS[0], 5, 1), 0, 0.01)
    session.dispose()
    expect(held()).toEqual(before)
  })
})

/** All memory that the pool has of the system, in bytes, at its most in a pass forward and back. */
function peakOf(
  architecture: Architecture,
  images: number,
  run: (model: tf.LayersModel, x: tf.Tensor4D, y: Int32Array) => tf.Scalar = (model, x, y) =>
    crossEntropy(forwardOf(model, { training: true })(x), y, 0).loss,
): number {
  const model = buildModel(architecture)
  initializeWeights(model, 1)
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable)
  const { x, y, size } = batchFor(architecture, images, 1)
  const { pool } = backend
  pool.trim()
  const before = pool.stats.usedBytes
  let peak = 0
  const { take } = pool
  const watch = vi.spyOn(pool, 'take').mockImplementation((length) => {
    const values = take.call(pool, length)
    peak = Math.max(peak, pool.stats.usedBytes + pool.stats.freeBytes)
    return values
  })
  tf.tidy(() => {
    const input = tf.tensor4d(x, [size, ...architecture.inputShape])
    tf.variableGrads(() => run(model, input, y), variables)
  })
  watch.mockRestore()
  model.dispose()
  return peak - before
}

describe('a pass forward and back', () => {
  test("of vgg_mini with 32 images takes less than a third of what TensorFlow.js' operations take", () => {
    const architecture = findArchitecture('vgg_mini') as Architecture
    const fused = peakOf(architecture, 32)
    const stock = peakOf(architecture, 32, (model, x, y) => {
      const logits = model.apply(x, { training: true }) as tf.Tensor2D
      const target = tf.oneHot(tf.tensor1d(y, 'int32'), logits.shape[1])
      return tf.losses.softmaxCrossEntropy(target, logits) as tf.Scalar
    })
    // 35.7 MB and 176 MB, the same at every run, and on every instruction set up to the panels of its filters.
    expect(fused).toBeLessThan(40e6)
    expect(fused).toBeLessThan(stock / 3)
  })

  test.each([
    // The convolution's result and its own.
    ['batch norm', true, 2],
    ['ReLU', false, 1],
  ])('frees on its way back what each of six layers with %s saved', (_name, batchNorm, saved) => {
    const [height, width, channels] = [32, 32, 8]
    const architecture: Architecture = {
      ...NETWORKS[0],
      features: parseFeatures(Array.from({ length: 6 }, () => channels).join()),
      batchNorm,
      inputShape: [height, width, 3],
      head: { kind: 'flat', hidden: [], dropout: 0 },
    }
    const used: number[] = []
    const { filterGradient } = backend.addon
    const watch = vi.spyOn(backend.addon, 'filterGradient').mockImplementation((...args) => {
      used.push(backend.pool.stats.usedBytes / (4 * 2 * height * width * channels))
      return filterGradient(...args)
    })
    peakOf(architecture, 2)
    watch.mockRestore()
    const freed = used.slice(1).map((results, i) => used[i] - results)
    expect(freed).toHaveLength(5)
    // What it takes beside is the gradients of the weights.
    for (const results of freed) expect(results).toBeGreaterThan(0.9 * saved)
  })

  test('computes gradients where the values lie that it needs no more', async () => {
    const [normalization, relu, dropout] = (
      ['batchNormGradient', 'reluBiasGradient', 'dropoutGradient'] as const
    ).map((name) => vi.spyOn(backend.addon, name))
    const session = sessionFor(NETWORKS[0])
    await session.step(batchFor(NETWORKS[0], 3, 1), 0, 0.01)
    session.dispose()
    const places = [
      ...normalization.mock.calls.map((args) => [args[3], args[11]]),
      ...relu.mock.calls.filter(([, , , y]) => y !== null).map(([, , dy, , z]) => [dy, z]),
      ...dropout.mock.calls.map(([, dy, , dx]) => [dy, dx]),
    ]
    vi.restoreAllMocks()
    expect(places).toHaveLength(3 + 1 + 1)
    for (const [from, to] of places) expect(to).toBe(from)
  })
})

describe('memory that somebody else holds', () => {
  const shape = [2, 6, 6, 16]
  /** In the pool, where the gradients of the fused layers would overwrite it. */
  const own = (seed: number, of = shape) =>
    tf.tidy(() => tf.add(tf.tensor(values(of, seed).data, of), 0)) as tf.Tensor4D

  test('is not overwritten by the gradients that use it', () => {
    const [x, filter] = [own(1), own(2, [3, 3, 16, 16])]
    const [bias, gamma, beta] = [3, 4, 5].map((seed) => own(seed, [16]) as unknown as tf.Tensor1D)
    const [flat, weights, offset] = [own(6, [4, 16]), own(7, [16, 16]), own(8, [16])] as unknown as [
      tf.Tensor2D,
      tf.Tensor2D,
      tf.Tensor1D,
    ]
    const state = Int32Array.of(1, 2, 3, 4)
    const after = { relu: true, pool: false, biasGradient: true }
    const seen: tf.Tensor[] = []
    // Seen from outside while the pass goes on: results between the layers, by a clone, a slice and another shape.
    const see = <T extends tf.Tensor>(tensor: T): T => {
      seen.push(
        tf.keep(tensor.clone()),
        tf.keep(tf.reshape(tensor, [-1])),
        tf.keep(tf.slice(tf.reshape(tensor, [-1]), 2, 9)),
      )
      copies.push(...seen.slice(-3).map((it) => it.dataSync()))
      return tensor
    }
    const copies: tf.TypedArray[] = []
    const all = [x, filter, bias, gamma, beta, flat, weights, offset]
    const before = all.map((tensor) => tensor.dataSync())
    const numbers = held()
    tf.tidy(() => {
      tf.grads((...[x, filter, bias, gamma, beta]: tf.Tensor[]) => {
        const one = see(
          layers.convolution(x as tf.Tensor4D, filter as tf.Tensor4D, bias as tf.Tensor1D, after),
        )
        const { y } = layers.normalization(one, gamma as tf.Tensor1D, beta as tf.Tensor1D, 1e-5, after)
        const dropped = see(layers.dropout(see(y), 0.5, state))
        return tf.sum(tf.square(dropped))
      })([x, filter, bias, gamma, beta])
      tf.grads((...[flat, weights, offset]: tf.Tensor[]) => {
        const one = see(
          layers.dense(flat as tf.Tensor2D, weights as tf.Tensor2D, offset as tf.Tensor1D, true),
        )
        return layers.crossEntropy(see(one), Int32Array.of(1, 2, 3, 4), 0.1).loss
      })([flat, weights, offset])
    })
    expect(seen.map((tensor) => tensor.dataSync())).toEqual(copies)
    expect(all.map((tensor) => tensor.dataSync())).toEqual(before)
    tf.dispose(seen)
    expect(held()).toEqual(numbers)
    tf.dispose(all)
  })

  test('is not overwritten where it is the gradient that a caller gave', () => {
    const [x, filter, dy] = [own(1), own(2, [3, 3, 16, 16]), own(3)]
    const kept = dy.clone()
    const wanted = dy.dataSync()
    const bias = tf.tidy(() => tf.zeros([16])) as tf.Tensor1D
    const after = { relu: true, pool: false, biasGradient: true }
    tf.tidy(() => void tf.grad((it) => layers.convolution(it as tf.Tensor4D, filter, bias, after))(x, dy))
    expect(kept.dataSync()).toEqual(wanted)
    tf.dispose([x, filter, dy, kept, bias])
  })
})
