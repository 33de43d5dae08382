import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, test } from 'vitest'
import { selectEngine } from '../../../src/engine/select.ts'
import { Random } from '../../../src/random.ts'
import type { Optimizer } from '../../../src/runs/model/hyperparameters.ts'
import { createEvaluator } from '../../../src/trainer/evaluate.ts'
import { finiteness } from '../../../src/trainer/finite.ts'
import { createStepper } from '../../../src/trainer/optimizer.ts'
import { createTrainingSession } from '../../../src/trainer/session.ts'
import type { Architecture } from '../../../src/zoo/architecture.ts'
import { parseFeatures } from '../../../src/zoo/features.ts'

beforeAll(async () => {
  await selectEngine('wasm')
})

/** Every kind of layer a training meets, small enough for hundreds of steps. */
const small = (batchNorm: boolean): Architecture => ({
  name: 'small',
  title: 'small',
  origin: 'CUSTOM',
  configuration: null,
  features: parseFeatures('8,M,8:lrn,8x1,M'),
  batchNorm,
  inputShape: [32, 32, 3],
  classes: 10,
  head: { kind: 'pooled', size: 7, hidden: [16], dropout: 0.5 },
})

const batch = (size: number, seed: number) => ({
  x: new Random(seed).normal(size * 32 * 32 * 3, 1),
  y: Int32Array.from({ length: size }, (_, i) => i % 10),
  size,
})

const SGD: Optimizer = { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 5e-4 }
const ADAM: Optimizer = { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 }

describe('a training session', () => {
  test.each([
    ['SGD and batch norm', SGD, true],
    ['Adam and no batch norm', ADAM, false],
  ])('with %s keeps tensors and bytes flat from step 10 to step 200', async (_name, optimizer, batchNorm) => {
    const session = createTrainingSession(small(batchNorm), { optimizer, labelSmoothing: 0.1 }, 1)
    const data = batch(4, 1)
    const step = (index: number) => session.step(data, index, 0.01)
    for (let i = 0; i < 10; i++) await step(i)
    const { numTensors, numDataBuffers, numBytes } = tf.memory()
    for (let i = 10; i < 200; i++) await step(i)
    expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers, numBytes })
    session.dispose()
  })

  test('learns a batch by heart, and counts what is right', async () => {
    const session = createTrainingSession(
      { ...small(true), head: { kind: 'flat', hidden: [], dropout: 0 } },
      { optimizer: SGD, labelSmoothing: 0 },
      1,
    )
    const data = batch(10, 2)
    const first = await session.step(data, 0, 0.02)
    let last = first
    for (let i = 1; i < 60; i++) last = await session.step(data, i, 0.02)
    expect(first.loss).toBeGreaterThan(1.5)
    expect(last.loss).toBeLessThan(0.1)
    expect(last.correct).toBe(10)
    session.dispose()
  })

  test('that leaves out a step that is not finite is as it was before, running means of batch norms too', async () => {
    const options = { optimizer: SGD, labelSmoothing: 0, onNonFinite: 'CONTINUE' } as const
    const session = createTrainingSession(small(true), options, 1)
    await session.step(batch(4, 1), 0, 0.01)
    const values = () => session.model.weights.map((weight) => [...weight.read().dataSync()])
    const before = values()
    const { numTensors, numBytes } = tf.memory()
    const broken = batch(4, 2)
    broken.x[0] = Number.NaN
    expect((await session.step(broken, 1, 0.01)).broken).toEqual(expect.any(String))
    expect(values()).toEqual(before)
    expect(session.stepper.updates).toBe(1)
    await session.step(batch(4, 3), 2, 0.01)
    expect(values()).not.toEqual(before)
    expect(tf.memory()).toMatchObject({ numTensors, numBytes })
    session.dispose()
  })

  test('leaves nothing behind when it is disposed', async () => {
    const before = tf.memory().numTensors
    const session = createTrainingSession(small(true), { optimizer: ADAM, labelSmoothing: 0 }, 1)
    await session.step(batch(2, 1), 0, 0.01)
    session.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })
})

test('looking for what is not finite needs memory for one tensor, however many there are', async () => {
  const tensors = Array.from({ length: 20 }, (_, i) => tf.fill([1000], i === 7 ? Number.NaN : 1))
  let flags: number[] = []
  const { numBytes } = tf.memory()
  const { peakBytes } = await tf.profile(() => {
    const found = finiteness(tensors)
    flags = [...found.dataSync()]
    found.dispose()
    return tf.scalar(0)
  })
  expect(flags.findIndex(Number.isNaN)).toBe(7)
  expect(flags.filter((flag) => flag === 0)).toHaveLength(19)
  expect(peakBytes - numBytes).toBeLessThan(3 * 4000)
  tf.dispose(tensors)
})

describe('the optimizer', () => {
  /** Three steps of one weight with the gradients 1, -2 and 3, by the formula written out in float64. */
  const GRADIENTS = [1, -2, 3]
  const RATE = 0.1
  const run = (optimizer: Optimizer): number => {
    const weight = tf.variable(tf.tensor1d([0.5]), true, `w${Math.random()}`)
    const stepper = createStepper(optimizer, [weight])
    for (const g of GRADIENTS) {
      const gradient = tf.tensor1d([g])
      stepper.apply({ [weight.name]: gradient }, RATE)
      gradient.dispose()
    }
    const [value] = weight.dataSync()
    stepper.dispose()
    weight.dispose()
    return value
  }

  test.each([
    [0, false, 0],
    [0.9, false, 0.01],
    [0.9, true, 0.01],
  ])(
    "of SGD with momentum %f, Nesterov %s and decay %f follows PyTorch's formula",
    (momentum, nesterov, weightDecay) => {
      let w = 0.5
      let v = 0
      for (const [i, gradient] of GRADIENTS.entries()) {
        const g = gradient + weightDecay * w
        v = i === 0 ? g : momentum * v + g
        w -= RATE * (nesterov ? g + momentum * v : v)
      }
      expect(run({ kind: 'sgd', momentum, nesterov, weightDecay })).toBeCloseTo(w, 5)
    },
  )

  test('of Adam follows its paper, with decoupled decay', () => {
    let [w, m, v] = [0.5, 0, 0]
    for (const [i, g] of GRADIENTS.entries()) {
      m = 0.9 * m + 0.1 * g
      v = 0.999 * v + 0.001 * g * g
      w *= 1 - RATE * 0.01
      w -= (RATE * (m / (1 - 0.9 ** (i + 1)))) / (Math.sqrt(v / (1 - 0.999 ** (i + 1))) + 1e-8)
    }
    expect(run(ADAM)).toBeCloseTo(w, 5)
  })
})

test('the evaluator counts loss, accuracy, top 5 and confusion of a model that says what its input says', async () => {
  // Logits are the first ten inputs of an image, so the test knows every answer.
  const input = tf.input({ shape: [1, 4, 3] })
  const flat = tf.layers.flatten().apply(input) as tf.SymbolicTensor
  const kernel = tf.tidy(() => tf.eye(12).slice([0, 0], [12, 10]) as tf.Tensor2D)
  const dense = tf.layers.dense({ units: 10, useBias: false })
  const model = tf.model({ inputs: input, outputs: dense.apply(flat) as tf.SymbolicTensor })
  dense.setWeights([kernel])
  const evaluator = createEvaluator(model, [1, 4, 3], 10)
  const image = (logits: number[]) => [...logits, 0, 0]
  const right = image([9, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  const third = image([5, 4, 3, 0, 0, 0, 0, 0, 0, 0])
  const last = image([9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
  await evaluator.add({ x: Float32Array.from([...right, ...third]), y: Int32Array.from([0, 2]), size: 2 })
  await evaluator.add({ x: Float32Array.from(last), y: Int32Array.from([9]), size: 1 })
  const result = evaluator.result()
  const crossEntropy = (logits: number[], label: number) =>
    Math.log(logits.slice(0, 10).reduce((sum, value) => sum + Math.exp(value), 0)) - logits[label]
  const mean = (crossEntropy(right, 0) + crossEntropy(third, 2) + crossEntropy(last, 9)) / 3
  expect(result.loss).toBeCloseTo(mean, 5)
  expect(result).toMatchObject({ accuracy: 1 / 3, top5Accuracy: 2 / 3, count: 3 })
  expect(result.confusion).toEqual(
    expect.arrayContaining([
      [0, 0, 1],
      [2, 0, 1],
      [9, 0, 1],
    ]),
  )
  // Places go on from batch to batch.
  expect(result.mistakes.map(({ index, label, predicted }) => [index, label, predicted])).toEqual([
    [1, 2, 0],
    [2, 9, 0],
  ])
  // Of finite weights, products that are not.
  const broken = createEvaluator(model, [1, 4, 3], 10)
  dense.setWeights([tf.tidy(() => kernel.mul(3e38))])
  await broken.add({ x: Float32Array.from([...last, ...right]), y: Int32Array.from([9, 0]), size: 2 })
  expect(broken.result()).toMatchObject({ loss: null, accuracy: null, top5Accuracy: null, count: 2 })
  expect(broken.brokenLayer).toBe(dense.name)
  const zeros = createEvaluator(model, [1, 4, 3], 10)
  await zeros.add({ x: new Float32Array(12), y: Int32Array.of(3), size: 1 })
  expect(zeros).toMatchObject({ brokenLayer: null })
  expect(zeros.result()).toMatchObject({ accuracy: 0, count: 1 })
  kernel.dispose()
  model.dispose()
})
