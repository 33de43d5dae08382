import * as tf from '@tensorflow/tfjs'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { analyze } from '../../../src/zoo/analysis.ts'
import type { Architecture } from '../../../src/zoo/architecture.ts'
import { architectures, findArchitecture } from '../../../src/zoo/catalog.ts'
import { parseFeatures } from '../../../src/zoo/features.ts'
import { buildModel, initializeWeights } from '../../../src/zoo/model.ts'
import { useBackend } from '../../support/backend.ts'

/** Every kind of layer, and an average pool, 5x5 -> 7x7, of which no built-in layer does the work. */
const everything: Architecture = {
  name: 'everything',
  title: 'One of each',
  origin: 'CUSTOM',
  configuration: null,
  features: parseFeatures('6:lrn,M,8x1'),
  batchNorm: true,
  inputShape: [10, 10, 3],
  classes: 4,
  head: { kind: 'pooled', size: 7, hidden: [32], dropout: 0.5 },
}
const mini = findArchitecture('vgg_mini')!

beforeAll(() => useBackend('wasm'))
beforeEach(() => tf.engine().startScope())
afterEach(() => {
  tf.engine().endScope()
  tf.disposeVariables()
})

describe('a built model', () => {
  it.each([...architectures, everything].map((architecture) => [architecture.name, architecture] as const))(
    'of %s has the layers, shapes and parameters that the analysis says, and frees all when disposed',
    (_name, architecture) => {
      const before = tf.memory().numTensors
      const model = buildModel(architecture)
      const { layers, parameterCount } = analyze(architecture)
      const expected = layers.filter(({ kind }) => kind !== 'SOFTMAX')
      expect(model.layers.slice(1).map(({ name, outputShape }) => [name, outputShape])).toEqual(
        expected.map(({ name, outputShape }) => [name, [null, ...outputShape]]),
      )
      expect(model.layers.slice(1).map(trainable)).toEqual(expected.map((layer) => layer.parameterCount))
      expect(model.trainableWeights.reduce((sum, weight) => sum + size(weight), 0)).toBe(parameterCount)
      expect(model.outputShape).toEqual([null, architecture.classes])
      model.dispose()
      expect(tf.memory().numTensors).toBe(before)
    },
  )

  it('gives logits: not between 0 and 1, not summing to 1', () => {
    const model = buildModel(mini)
    initializeWeights(model, 1)
    const logits = tf.tidy(() => (model.apply(tf.ones([1, 32, 32, 3])) as tf.Tensor).dataSync())
    expect(logits.some((value) => value < 0)).toBe(true)
  })

  it('learns a small batch by heart, and the same seed gives the same losses', async () => {
    await useBackend('cpu')
    const train = (steps: number) => {
      const dropout = { seed: 5, step: 0 }
      const model = buildModel(everything, { dropout })
      initializeWeights(model, 5)
      const x = tf.randomNormal([8, 10, 10, 3], 0, 1, 'float32', 3)
      const target = tf.oneHot(tf.tensor1d([0, 1, 2, 3, 0, 1, 2, 3], 'int32'), 4)
      const optimizer = tf.train.adam(0.02)
      const losses: number[] = []
      for (dropout.step = 0; dropout.step < steps; dropout.step++) {
        const loss = optimizer.minimize(
          () =>
            tf.losses.softmaxCrossEntropy(
              target,
              model.apply(x, { training: true }) as tf.Tensor,
            ) as tf.Scalar,
          true,
          model.trainableWeights.map((weight) => weight.read() as tf.Variable),
        )
        losses.push(loss!.dataSync()[0]!)
      }
      return losses
    }
    const losses = train(25)
    expect(losses[0]).toBeCloseTo(Math.log(4), 1)
    expect(losses.at(-1)).toBeLessThan(0.3)
    expect(train(5)).toEqual(losses.slice(0, 5))
    await useBackend('wasm')
  })

  it('comes back from a saved LayersModel with the same answers, by class names that a browser knows', async () => {
    const architecture = {
      ...everything,
      features: parseFeatures('6,M,M,8'),
      inputShape: [28, 28, 3],
    } as const
    for (const saved of [everything, architecture]) {
      const model = buildModel(saved, { dropout: { seed: 1, step: 0 } })
      initializeWeights(model, 9)
      let artifacts: tf.io.ModelArtifacts | undefined
      await model.save(
        tf.io.withSaveHandler(async (given) => {
          artifacts = given
          return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } }
        }),
      )
      const loaded = await tf.loadLayersModel(tf.io.fromMemory(artifacts!))
      const x = tf.randomNormal([2, ...saved.inputShape], 0, 1, 'float32', 4)
      const answer = (of: tf.LayersModel) => (of.predict(x) as tf.Tensor).dataSync()
      const [own, again] = [answer(model), answer(loaded)]
      own.forEach((value, i) => {
        expect(again[i]).toBeCloseTo(value, 5)
      })
      const topology = JSON.stringify(artifacts!.modelTopology)
      expect(topology).toContain('"class_name":"BatchNormalization"')
      expect(topology).toContain('"class_name":"Dropout"')
      const ours = ['AdaptiveAveragePool', 'LocalResponseNormalization'].filter((name) =>
        topology.includes(name),
      )
      expect(ours).toEqual(saved === everything ? ['AdaptiveAveragePool', 'LocalResponseNormalization'] : [])
    }
  })
})

describe('the initial weights', () => {
  const weightsOf = (architecture: Architecture, seed: number) => {
    const model = buildModel(architecture)
    initializeWeights(model, seed)
    const weights = new Map(
      model.layers
        .flatMap((layer) => layer.weights)
        .map((weight) => [weight.originalName, weight.read().dataSync() as Float32Array]),
    )
    return weights
  }

  it('are those of the lecture', () => {
    const weights = weightsOf({ ...mini, head: { kind: 'flat', hidden: [512], dropout: 0 } }, 777)
    // [3, 3, 64, 128]: Kaiming by fan-out, variance 2 / (9 * 128).
    expectNormal(weights.get('features.14/kernel')!, Math.sqrt(2 / (9 * 128)))
    expectNormal(weights.get('classifier.0/kernel')!, 0.01)
    const all = (suffix: string) =>
      [...weights].filter(([name]) => name.endsWith(suffix)).flatMap(([, w]) => [...w])
    expect(new Set([...all('/bias'), ...all('/beta'), ...all('/moving_mean')])).toEqual(new Set([0]))
    expect(new Set([...all('/gamma'), ...all('/moving_variance')])).toEqual(new Set([1]))
  })

  it('are the same bits for the same seed on every backend', async () => {
    const wasm = weightsOf(mini, 42)
    await useBackend('cpu')
    const cpu = weightsOf(mini, 42)
    await useBackend('wasm')
    expect(wasm.size).toBe(40)
    for (const [name, values] of wasm) expect(Buffer.compare(bytes(cpu.get(name)!), bytes(values))).toBe(0)
  })

  it('differ by seed and by layer', () => {
    const [one, two] = [weightsOf(mini, 1), weightsOf(mini, 2)]
    expect(one.get('features.0/kernel')).not.toEqual(two.get('features.0/kernel'))
    expect(one.get('features.7/kernel')!.slice(0, 64)).not.toEqual(
      one.get('features.10/kernel')!.slice(0, 64),
    )
  })

  it('bring an initialised batch norm back to its start', () => {
    const model = buildModel(mini)
    initializeWeights(model, 1)
    model.apply(tf.ones([2, 32, 32, 3]), { training: true })
    const variance = model.getLayer('features.1').weights[3]!
    expect(new Set(variance.read().dataSync())).not.toEqual(new Set([1]))
    initializeWeights(model, 1)
    expect(new Set(variance.read().dataSync())).toEqual(new Set([1]))
  })
})

/** Mean 0, the deviation given, and the share within one deviation that a normal distribution has. */
function expectNormal(values: Float32Array, deviation: number): void {
  const n = values.length
  const mean = values.reduce((sum, value) => sum + value, 0) / n
  const spread = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / n)
  expect(Math.abs(mean)).toBeLessThan((5 * deviation) / Math.sqrt(n))
  expect(spread / deviation).toBeCloseTo(1, 2)
  const within = values.filter((value) => Math.abs(value) < deviation).length / n
  expect(within).toBeCloseTo(0.683, 2)
}

function size(weight: tf.LayerVariable): number {
  return (weight.shape as number[]).reduce((product, length) => product * length, 1)
}

function bytes({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function trainable(layer: tf.layers.Layer): number {
  return layer.trainableWeights.reduce((sum, weight) => sum + size(weight), 0)
}
