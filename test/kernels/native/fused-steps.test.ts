import * as tf from '@tensorflow/tfjs'
import { beforeEach, describe, expect, test } from 'vitest'
import type { NativeBackend } from '../../../src/engine/native/backend.ts'
import { BACKEND } from '../../../src/engine/native/kernels.ts'
import type { Optimizer } from '../../../src/runs/model/hyperparameters.ts'
import { createStepper } from '../../../src/trainer/optimizer.ts'
import {
  addon,
  calls,
  difference,
  INSTRUCTION_SETS,
  type Outcome,
  outcomeOf,
  sameBytes,
  startNative,
  values,
} from './support.ts'

const RATE = 0.05
const STEPS = 5
/** One value, no vector's length, more than two threads take at a time. */
const SHAPES = [[1], [7, 5], [3, 3, 40, 100]]

const sgd = (momentum: number, nesterov: boolean, weightDecay: number): Optimizer => ({
  kind: 'sgd',
  momentum,
  nesterov,
  weightDecay,
})
const adam = (weightDecay: number): Optimizer => ({
  kind: 'adam',
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay,
})
const OPTIMIZERS: [name: string, optimizer: Optimizer][] = [
  ['SGD', sgd(0, false, 0)],
  ['SGD with weight decay', sgd(0, false, 0.1)],
  ['SGD with momentum', sgd(0.9, false, 0)],
  ['SGD with momentum and weight decay', sgd(0.9, false, 0.1)],
  ["SGD with Nesterov's momentum", sgd(0.9, true, 0)],
  ["SGD with Nesterov's momentum and weight decay", sgd(0.9, true, 0.1)],
  ['Adam', adam(0)],
  ['Adam with weight decay', adam(0.1)],
]

/** Weights after every step, of variables that are 0 at first: then all of them is what the steps were. */
async function stepsOn(name: typeof BACKEND | 'cpu', optimizer: Optimizer): Promise<Outcome[]> {
  await tf.setBackend(name)
  try {
    const variables = SHAPES.map((shape) => tf.tidy(() => tf.variable(tf.zeros(shape))))
    const stepper = createStepper(optimizer, variables)
    const outcomes: Outcome[] = []
    for (let step = 0; step < STEPS; step++) {
      tf.tidy(() => {
        const gradients = variables.map((variable, at) => {
          // Each some thousand times as large as another.
          const { data } = values(variable.shape, 10 * step + at)
          return [variable.name, tf.tensor(data.map((value) => value ** 5) as Float32Array, variable.shape)]
        })
        stepper.apply(Object.fromEntries(gradients), RATE)
      })
      outcomes.push(...variables.map(outcomeOf))
    }
    stepper.dispose()
    tf.dispose(variables)
    return outcomes
  } finally {
    await tf.setBackend(BACKEND)
  }
}

const references = new Map<string, Promise<Outcome[]>>()
function referenceFor(name: string, optimizer: Optimizer): Promise<Outcome[]> {
  const known = references.get(name) ?? stepsOn('cpu', optimizer)
  references.set(name, known)
  return known
}

describe.each(INSTRUCTION_SETS)('on %s', (instructionSet) => {
  let backend: NativeBackend
  beforeEach(async () => {
    backend = await startNative(2, instructionSet)
    calls.clear()
  })

  test.each(OPTIMIZERS)(
    "steps of %s follow its rule in TensorFlow.js' operations",
    async (name, optimizer) => {
      const references = await referenceFor(name, optimizer)
      const outcomes = await stepsOn(BACKEND, optimizer)
      expect([...calls].sort()).toEqual([`${optimizer.kind}Step`])
      // Adam divides by what may be next to nothing: a few more roundings of single weights.
      const errors = outcomes.map((outcome, i) => difference(outcome, references[i]))
      expect(Math.max(...errors)).toBeLessThan(2e-6)
      addon.start(3, instructionSet)
      const again = await stepsOn(BACKEND, optimizer)
      expect(again.every((outcome, i) => sameBytes(outcome, outcomes[i]))).toBe(true)
    },
  )

  test.each(OPTIMIZERS)(
    'steps of %s change weights where they lie and take no memory',
    (_name, optimizer) => {
      const variables = SHAPES.map((shape, at) => tf.variable(tf.tensor(values(shape, at).data, shape)))
      const stepper = createStepper(optimizer, variables)
      const places = variables.map((variable) => [variable.dataId, backend.values(variable).buffer])
      const gradients = Object.fromEntries(
        variables.map((variable) => [variable.name, tf.tidy(() => tf.mul(variable, 0.5))]),
      )
      const before = [tf.memory().numTensors, tf.memory().numBytes, backend.pool.stats]
      for (let step = 0; step < 3; step++) stepper.apply(gradients, RATE)
      expect([tf.memory().numTensors, tf.memory().numBytes, backend.pool.stats]).toEqual(before)
      expect(variables.map((variable) => [variable.dataId, backend.values(variable).buffer])).toEqual(places)
      stepper.dispose()
      tf.dispose([variables, gradients])
    },
  )
})
