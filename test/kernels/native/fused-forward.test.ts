import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { BACKEND } from '../../../src/engine/native/kernels.ts'
import { createEvaluator } from '../../../src/trainer/evaluate.ts'
import { crossEntropy } from '../../../src/trainer/loss.ts'
import { analyze } from '../../../src/zoo/analysis.ts'
import type { Architecture } from '../../../src/zoo/architecture.ts'
import { forwardOf } from '../../../src/zoo/forward.ts'
import { LAYER_KINDS } from '../../../src/zoo/layers/kinds.ts'
import { buildModel, initializeWeights } from '../../../src/zoo/model.ts'
import { exportWeights, importWeights } from '../../support/weights.ts'
import { batchFor, disturb, lossesOf, NETWORKS, sessionFor } from './networks.ts'
import { difference, INSTRUCTION_SETS, type Outcome, outcomeOf, sameBytes, startNative } from './support.ts'

const TOLERANCE = 1e-4
const SIZE = 4

beforeAll(() => startNative())

function modelOf(architecture: Architecture): tf.LayersModel {
  const model = buildModel(architecture, { dropout: { seed: 3, step: 5 } })
  initializeWeights(model, 1)
  disturb(model, 2)
  return model
}
function inputOf(architecture: Architecture): tf.Tensor4D {
  const { x, size } = batchFor(architecture, SIZE, 4)
  return tf.tensor4d(x, [size, ...architecture.inputShape])
}
const variablesOf = (model: tf.LayersModel) =>
  model.trainableWeights.map((weight) => weight.read() as tf.Variable)

interface Pass {
  results: Record<string, Outcome>
  gradients: Record<string, Outcome>
}

/** A pass in training, its gradients, what batch norm then remembers, and a pass of the same model in evaluation. */
async function passOn(name: typeof BACKEND | 'cpu', architecture: Architecture): Promise<Pass> {
  await tf.setBackend(name)
  try {
    const model = modelOf(architecture)
    const names = new Map(
      model.layers.flatMap(({ weights }) => weights.map((weight) => [weight.read().id, weight.originalName])),
    )
    const { y } = batchFor(architecture, SIZE, 4)
    const results: Record<string, Outcome> = {}
    const gradients: Record<string, Outcome> = {}
    tf.tidy(() => {
      const x = inputOf(architecture)
      const train = forwardOf(model, { training: true })
      const { value, grads } = tf.variableGrads(() => {
        const logits = train(x)
        results.training = outcomeOf(logits)
        return crossEntropy(logits, y, 0.1).loss
      }, variablesOf(model))
      results.loss = outcomeOf(value)
      for (const variable of variablesOf(model))
        gradients[names.get(variable.id)!] = outcomeOf(grads[variable.name])
      for (const weight of model.nonTrainableWeights) results[weight.originalName] = outcomeOf(weight.read())
      results.evaluation = outcomeOf(forwardOf(model, { training: false })(x))
    })
    model.dispose()
    return { results, gradients }
  } finally {
    await tf.setBackend(BACKEND)
  }
}

const references = new Map<Architecture, Promise<Pass>>()
function referenceFor(architecture: Architecture): Promise<Pass> {
  const known = references.get(architecture) ?? passOn('cpu', architecture)
  references.set(architecture, known)
  return known
}

function differences(outcomes: Record<string, Outcome>, references: Record<string, Outcome>): string[] {
  expect(Object.keys(outcomes)).toEqual(Object.keys(references))
  return Object.keys(references).flatMap((name) => {
    const error = difference(outcomes[name], references[name])
    return error <= TOLERANCE ? [] : [`${name}: ${error}`]
  })
}

const largest = ({ data }: Outcome) =>
  (data as Float32Array).reduce((most, value) => Math.max(most, Math.abs(value)), 0)

/** Batch norm takes away what a bias adds: its gradient is 0, and elsewhere what rounding leaves of it. */
function withoutBiasOfBatchNorm({ gradients }: Pass, { batchNorm }: Architecture): Record<string, Outcome> {
  if (!batchNorm) return gradients
  const all = Math.max(...Object.values(gradients).map(largest))
  const kept = Object.entries(gradients).filter(([name]) => !/^features.*bias$/.test(name))
  for (const [name, gradient] of Object.entries(gradients))
    if (/^features.*bias$/.test(name)) expect(largest(gradient)).toBeLessThan(1e-5 * all)
  return Object.fromEntries(kept)
}

test('the networks have every kind of layer', () => {
  const kinds = new Set(NETWORKS.flatMap((it) => analyze(it).layers.map(({ kind }) => kind)))
  expect([...kinds].sort()).toEqual(LAYER_KINDS.map(({ name }) => name).sort())
  const classes = new Set(
    NETWORKS.flatMap((it) => buildModel(it).layers.map((layer) => layer.getClassName())),
  )
  for (const one of ['Activation', 'AdaptiveAveragePool', 'AveragePooling2D', 'UpSampling2D'])
    expect(classes).toContain(one)
})

describe.each(INSTRUCTION_SETS)('on %s', (instructionSet) => {
  test.each(NETWORKS.map((it) => [it.name, it] as const))(
    'a network with %s gives what its layers give in plain JavaScript, in training and in evaluation',
    async (_name, architecture) => {
      await startNative(2, instructionSet)
      const reference = await referenceFor(architecture)
      const pass = await passOn(BACKEND, architecture)
      expect(differences(pass.results, reference.results)).toEqual([])
      expect(
        differences(
          withoutBiasOfBatchNorm(pass, architecture),
          withoutBiasOfBatchNorm(reference, architecture),
        ),
      ).toEqual([])
    },
  )
})

describe('an engine', () => {
  const [architecture] = NETWORKS

  test('without fused layers applies the model', async () => {
    await tf.setBackend('cpu')
    const model = modelOf(architecture)
    const apply = vi.spyOn(model, 'apply')
    for (const training of [false, true]) {
      const forward = forwardOf(model, { training })
      tf.tidy(() => {
        const x = inputOf(architecture)
        const logits = outcomeOf(forward(x))
        expect(apply).toHaveBeenLastCalledWith(x, { training })
        if (!training)
          expect(sameBytes(logits, outcomeOf(model.apply(x, { training }) as tf.Tensor))).toBe(true)
      })
    }
    model.dispose()
    await tf.setBackend(BACKEND)
  })

  test.each([
    ['batch norm, in training', 0, true, `${'Convolution Normalization '.repeat(3)}DenseRelu Dropout Dense`],
    ['batch norm, in evaluation', 0, false, `${'Convolution ScaleShift '.repeat(3)}DenseRelu Dense`],
    [
      'no batch norm, in training',
      2,
      true,
      'ConvolutionPool ConvolutionRelu ConvolutionPool DenseRelu Dropout DenseRelu Dropout Dense',
    ],
  ])('with fused layers runs each with what follows it, with %s', (_name, at, training, kernels) => {
    const model = modelOf(NETWORKS[at])
    const forward = forwardOf(model, { training })
    const run = vi.spyOn(tf.engine(), 'runKernel')
    tf.tidy(() => void forward(inputOf(NETWORKS[at])))
    const names = run.mock.calls.map(([name]) => name)
    run.mockRestore()
    expect(names.filter((name) => name.startsWith('Vggzoo')).join(' ')).toBe(
      kernels.replaceAll(/\w+/g, 'Vggzoo$&'),
    )
    expect(names.filter((name) => /Conv2D|MaxPool|Relu$|MatMul/.test(name) && !/Vggzoo/.test(name))).toEqual(
      [],
    )
    model.dispose()
  })

  test('with fused layers computes with the weights that the model has at the time', () => {
    const [model, other] = [modelOf(architecture), modelOf(architecture)]
    disturb(other, 9)
    const forward = forwardOf(model, { training: false })
    tf.tidy(() => {
      const x = inputOf(architecture)
      const before = outcomeOf(forward(x))
      const wanted = outcomeOf(forwardOf(other, { training: false })(x))
      model.setWeights(other.getWeights())
      const after = outcomeOf(forward(x))
      expect(sameBytes(after, wanted)).toBe(true)
      expect(difference(before, wanted)).toBeGreaterThan(0.01)
    })
    model.dispose()
    other.dispose()
  })

  test('with fused layers leaves a trained model its names, shapes and what it answers when exported', async () => {
    const session = sessionFor(architecture)
    await lossesOf(session, architecture, { steps: 2, size: SIZE, rate: 0.01 })
    const { layers } = analyze(architecture)
    expect(session.model.layers.slice(1).map(({ name }) => name)).toEqual(
      layers.filter(({ kind }) => kind !== 'SOFTMAX').map(({ name }) => name),
    )
    const answers = (model: tf.LayersModel) =>
      tf.tidy(() => outcomeOf(forwardOf(model, { training: false })(inputOf(architecture))))
    const exported = await exportWeights(session.model, architecture)
    const trained = answers(session.model)
    const loaded = buildModel(architecture)
    await importWeights(loaded, architecture, exported)
    expect(sameBytes(answers(loaded), trained)).toBe(true)
    await tf.setBackend('cpu')
    const elsewhere = buildModel(architecture)
    await importWeights(elsewhere, architecture, exported)
    expect(difference(trained, answers(elsewhere))).toBeLessThan(TOLERANCE)
    elsewhere.dispose()
    await tf.setBackend(BACKEND)
    loaded.dispose()
    session.dispose()
  })

  test('with fused layers evaluates as one without them', async () => {
    const { inputShape, classes } = architecture
    const evaluate = async (name: typeof BACKEND | 'cpu') => {
      await tf.setBackend(name)
      const model = modelOf(architecture)
      const evaluator = createEvaluator(model, inputShape, classes)
      for (const seed of [1, 2]) await evaluator.add(batchFor(architecture, SIZE, seed))
      model.dispose()
      await tf.setBackend(BACKEND)
      return evaluator.result()
    }
    const [native, cpu] = [await evaluate(BACKEND), await evaluate('cpu')]
    // Rounding may change which of two is the more confident one.
    const byIndex = (mistakes: typeof cpu.mistakes) => mistakes.toSorted((a, b) => a.index - b.index)
    expect({ ...native, mistakes: byIndex(native.mistakes) }).toEqual({
      ...cpu,
      loss: expect.closeTo(cpu.loss!, 4),
      mistakes: byIndex(cpu.mistakes).map((mistake) => ({
        ...mistake,
        confidence: expect.closeTo(mistake.confidence!, 4),
        trueConfidence: expect.closeTo(mistake.trueConfidence!, 4),
      })),
    })
  })
})
