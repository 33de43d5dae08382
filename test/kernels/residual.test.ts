import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { selectEngine } from '../../src/engine/select.ts'
import { OPTIMIZER_DEFAULTS } from '../../src/runs/model/hyperparameters.ts'
import { totalBytes, trainingMemory } from '../../src/runs/planning/memory.ts'
import { createEvaluator } from '../../src/trainer/evaluate.ts'
import { createTrainingSession } from '../../src/trainer/session.ts'
import { analyze } from '../../src/zoo/analysis.ts'
import { type Architecture, ArchitectureError } from '../../src/zoo/architecture.ts'
import { parseFeatures } from '../../src/zoo/features.ts'
import { isLayersModel } from '../../src/zoo/formats/standard-layers.ts'
import { forwardOf, resultsOf } from '../../src/zoo/forward.ts'
import { buildModel } from '../../src/zoo/model.ts'
import { exportWeights, importWeights } from '../support/weights.ts'
import { batchFor } from './native/networks.ts'

const network = (features: string): Architecture => ({
  name: 'residual',
  title: 'A network with residual connections',
  origin: 'CUSTOM',
  configuration: null,
  features: parseFeatures(features),
  batchNorm: true,
  inputShape: [8, 8, 3],
  classes: 5,
  head: { kind: 'flat', hidden: [], dropout: 0 },
})
/** What convolution 1 made is added to what convolution 3 makes of it, and that of 4 to that of 5. */
const residual = network('8,8,8,+2,M,16,16,+1')
const chain = network('8,8,8,M,16,16')
const SGD = { kind: 'sgd', ...OPTIMIZER_DEFAULTS.sgd } as const

describe('a residual network', () => {
  it('has the layers of a chain and the sums, which cost nothing', () => {
    const [one, other] = [analyze(residual), analyze(chain)]
    expect(one).toMatchObject({
      parameterCount: other.parameterCount,
      multiplyAdds: other.multiplyAdds,
      weightLayers: other.weightLayers,
    })
    const sums = one.layers.filter(({ kind }) => kind === 'ADD')
    expect(sums.map(({ name, inputs, outputShape }) => [name, inputs, outputShape])).toEqual([
      ['features.9', [8, 2], [8, 8, 8]],
      ['features.17', [16, 13], [4, 4, 16]],
    ])
    // As much as the longer way sees: three 3x3.
    expect(sums[0]!.receptiveField).toBe(7)
  })

  it.each([
    ['8,8,+2', 2, 'only 2 entries come before it, and it must leave one of them'],
    ['+1,8', 0, 'only 0 entries come before it'],
    ['8,+0', 1, 'it must reach back past one entry at least'],
    ['8,16,+1', 2, 'it adds [8,8,8] to [8,8,16]'],
    ['8,8,M,+1', 3, 'it adds [8,8,8] to [4,4,8]'],
  ])('is refused as %s, with the entry and the reason', (features, entry, reason) => {
    const make = () => analyze(network(features))
    expect(make).toThrow(ArchitectureError)
    expect(make).toThrow(`entry ${entry + 1} (`)
    expect(make).toThrow(reason)
  })

  it('is planned for every engine, with more memory than the chain', () => {
    for (const engine of ['NATIVE', 'WASM', 'CPU'] as const) {
      const of = (architecture: Architecture) =>
        trainingMemory(architecture, { batchSize: 256, optimizer: SGD, engine, datasetBytes: 0 })
      const [one, other] = [of(residual), of(chain)]
      expect(one.activations).toBeGreaterThan(other.activations)
      expect(totalBytes(one)).toBeGreaterThan(totalBytes(other))
      expect(one.weights).toBe(other.weights)
    }
  })

  it('is no LayersModel', () => {
    expect([isLayersModel(residual), isLayersModel(chain)]).toEqual([false, true])
  })
})

describe.each(['native', 'wasm'] as const)('on %s, a residual network', (engine) => {
  beforeAll(async () => {
    await selectEngine(engine)
  })

  it('learns a batch by heart, and answers the same when its weights are saved and loaded', async () => {
    const session = createTrainingSession(residual, { optimizer: SGD, labelSmoothing: 0 }, 3)
    const batch = batchFor(residual, 8, 1)
    const losses: number[] = []
    for (let step = 0; step < 12; step++) {
      const { loss, broken } = await session.step(batch, step, 0.02)
      expect(broken).toBeNull()
      losses.push(loss)
    }
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2)

    const loaded = buildModel(residual)
    expect(await importWeights(loaded, residual, await exportWeights(session.model, residual))).toBeNull()
    const answers = (model: tf.LayersModel) =>
      tf.tidy(() => {
        const x = tf.tensor4d(batch.x, [batch.size, ...residual.inputShape])
        return forwardOf(model, { training: false })(x).dataSync().slice()
      })
    expect(answers(loaded)).toEqual(answers(session.model))

    const evaluator = createEvaluator(loaded, residual.inputShape, residual.classes)
    await evaluator.add(batch)
    expect(evaluator.result().count).toBe(8)
    session.dispose()
    loaded.dispose()
  })

  it('adds what the entry made that its list names', () => {
    const { layers } = analyze(residual)
    const session = createTrainingSession(residual, { optimizer: SGD, labelSmoothing: 0 }, 5)
    tf.tidy(() => {
      const x = tf.tensor4d(batchFor(residual, 2, 1).x, [2, ...residual.inputShape])
      const results = new Map([...resultsOf(session.model, x)].map(({ name, result }) => [name, result]))
      for (const { name, inputs } of layers.filter(({ kind }) => kind === 'ADD')) {
        const [one, other] = inputs.map((place) => results.get(layers[place]!.name)!)
        const difference = tf.max(tf.abs(tf.sub(results.get(name)!, tf.add(one!, other!))))
        expect(difference.dataSync()[0]).toBe(0)
        expect(tf.max(tf.abs(other!)).dataSync()[0]).toBeGreaterThan(0.1)
      }
    })
    session.dispose()
  })
})
