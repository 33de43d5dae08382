import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { selectEngine } from '../../src/engine/select.ts'
import type { Optimizer } from '../../src/runs/model/hyperparameters.ts'
import { createEvaluator } from '../../src/trainer/evaluate.ts'
import { createTrainingSession, type TrainingSession } from '../../src/trainer/session.ts'
import type { Architecture } from '../../src/zoo/architecture.ts'
import { type Freeze, frozenPart } from '../../src/zoo/transfer.ts'
import { ADAM, batchFor, NETWORKS, SGD } from './native/networks.ts'

/** With and without batch norm and dropout, layers that are not fused, a pool in the head, and what is no chain. */
const KINDS = [
  'batch norm',
  'no batch norm',
  'batch norm and response normalization',
  'residual connections and batch norm',
  'average pool of windows that overlap',
]

/** Of these networks, where each is frozen: at the end of its features, behind its first convolution, in its classifier. */
const FROZEN = NETWORKS.filter(({ name }) => KINDS.includes(name)).flatMap(
  (architecture): [string, Architecture, Freeze][] => {
    const { name, head } = architecture
    const isJoined = name.startsWith('residual')
    return [
      [`${name}, its features`, architecture, 'FEATURES'],
      ...(isJoined
        ? []
        : [
            [`${name}, its first layer`, architecture, { upTo: 'features.0' }] as [
              string,
              Architecture,
              Freeze,
            ],
          ]),
      ...(head.hidden.length > 0
        ? [
            [`${name}, its classifier`, architecture, { upTo: 'classifier.0' }] as [
              string,
              Architecture,
              Freeze,
            ],
          ]
        : []),
    ]
  },
)
const PLAIN: Optimizer = { kind: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 }

function frozenOf(architecture: Architecture, freeze: Freeze) {
  const part = frozenPart(architecture, freeze)
  if (typeof part === 'string') throw new Error(part)
  return part
}

function sessionFor(
  architecture: Architecture,
  optimizer: Optimizer,
  frozen: number,
  headRate = 1,
): TrainingSession {
  const head = headRate === 1 ? [] : [lastOf(architecture)]
  return createTrainingSession(architecture, { optimizer, labelSmoothing: 0.1 }, 7, {
    transfer: { frozen, head, headRate },
  })
}

const lastOf = ({ head }: Architecture) => {
  const each = head.dropout > 0 ? 3 : 2
  return `classifier.${each * head.hidden.length}`
}
const valuesOf = ({ model }: TrainingSession) =>
  new Map(model.weights.map((weight) => [weight.originalName, weight.read().dataSync().slice()]))

/** What the frozen layers make of a batch, as a batch. */
function frozenResult(
  { frozen }: TrainingSession,
  architecture: Architecture,
  batch: ReturnType<typeof batchFor>,
) {
  const x = tf.tidy(() =>
    frozen!
      .forward(tf.tensor(batch.x, [batch.size, ...architecture.inputShape]))
      .dataSync()
      .slice(),
  ) as Float32Array
  return { ...batch, x, isFrozenResult: true as const }
}

function largestDifference(one: ArrayLike<number>, other: ArrayLike<number>): number {
  return Array.from(one).reduce((most, value, i) => Math.max(most, Math.abs(value - other[i]!)), 0)
}

describe.each(['native', 'wasm'] as const)('on %s, a network with frozen layers', (engine) => {
  beforeAll(async () => {
    await selectEngine(engine)
  })

  it.each(FROZEN)(
    'trains the others alone, and keeps nothing for them: %s',
    async (_, architecture, freeze) => {
      const { layers, names } = frozenOf(architecture, freeze)
      for (const optimizer of [SGD, ADAM]) {
        const session = sessionFor(architecture, optimizer, layers)
        const before = valuesOf(session)
        for (let step = 0; step < 2; step++) {
          const { loss, broken } = await session.step(batchFor(architecture, 3, step), step, 0.01)
          expect([Number.isFinite(loss), broken]).toEqual([true, null])
        }
        const isFrozen = (name: string) => names.includes(name.split('/')[0]!)
        for (const [name, values] of valuesOf(session)) {
          if (isFrozen(name)) expect(values, name).toEqual(before.get(name))
          // The gradient of a bias before batch norm is zero, and so may be that of one dead filter.
          else if (name.endsWith('/kernel')) expect(values, name).not.toEqual(before.get(name))
        }
        const kept = Object.values(session.stepper.slots).flat()
        const trained = session.model.weights.filter(
          ({ originalName: name }) => !isFrozen(name) && !name.includes('moving_'),
        )
        expect(kept).toHaveLength(trained.length * Object.keys(session.stepper.slots).length)
        session.dispose()
      }
    },
  )

  it.each(FROZEN.filter(([, { batchNorm }]) => !batchNorm))(
    'changes the others as if nothing was frozen: %s',
    async (_, architecture, freeze) => {
      // In the classifier, what is frozen drops nothing.
      const still = { ...architecture, head: { ...architecture.head, dropout: 0 } }
      const { layers, names } = frozenOf(still, freeze)
      const after = []
      for (const frozen of [0, layers]) {
        const session = sessionFor(still, PLAIN, frozen)
        await session.step(batchFor(still, 4, 1), 0, 1)
        after.push(valuesOf(session))
        session.dispose()
      }
      for (const [name, values] of after[1]!) {
        if (names.includes(name.split('/')[0]!)) continue
        expect(largestDifference(values, after[0]!.get(name)!), name).toBeLessThan(1e-5)
      }
    },
  )

  it.each(FROZEN)(
    'learns the same from what the frozen layers made before: %s',
    async (_, architecture, freeze) => {
      const { layers } = frozenOf(architecture, freeze)
      const results = []
      for (const kept of [false, true]) {
        const session = sessionFor(architecture, SGD, layers)
        const losses: number[] = []
        for (let step = 0; step < 3; step++) {
          const batch = batchFor(architecture, 4, step)
          const seen = kept ? frozenResult(session, architecture, batch) : batch
          losses.push((await session.step(seen, step, 0.01)).loss)
        }
        const tested = batchFor(architecture, 5, 9)
        const { classes, inputShape } = architecture
        const evaluator = kept
          ? createEvaluator(session.model, session.frozen!.shape, classes, null, layers)
          : createEvaluator(session.model, inputShape, classes)
        await evaluator.add(kept ? frozenResult(session, architecture, tested) : tested)
        results.push({ losses, loss: evaluator.result().loss!, values: valuesOf(session) })
        session.dispose()
      }
      const [live, kept] = results as [(typeof results)[0], (typeof results)[0]]
      expect(kept.losses).toEqual(live.losses)
      expect(Math.abs(kept.loss - live.loss)).toBeLessThan(1e-5)
      expect(kept.values).toEqual(live.values)
    },
  )

  it('learns at a rate of its own in the layers that are new', async () => {
    const architecture = NETWORKS[0]!
    const changes = []
    for (const rate of [1, 3]) {
      const session = sessionFor(architecture, PLAIN, 0, rate)
      const before = valuesOf(session)
      await session.step(batchFor(architecture, 4, 1), 0, 0.1)
      changes.push(
        new Map(
          [...valuesOf(session)].map(([name, values]) => [
            name,
            Array.from(values, (value, i) => value - before.get(name)![i]!),
          ]),
        ),
      )
      session.dispose()
    }
    for (const [name, change] of changes[1]!) {
      const times = name.startsWith(`${lastOf(architecture)}/`) ? 3 : 1
      const others = changes[0]!.get(name)!.map((value) => times * value)
      expect(largestDifference(change, others), name).toBeLessThan(1e-6)
    }
  })

  it('needs as many tensors after many steps as after few', async () => {
    const architecture = NETWORKS[0]!
    const session = sessionFor(architecture, SGD, frozenOf(architecture, 'FEATURES').layers)
    const train = async (from: number, to: number) => {
      for (let step = from; step < to; step++) await session.step(batchFor(architecture, 4, 1), step, 0.01)
    }
    await train(0, 3)
    const { numTensors, numBytes } = tf.memory()
    await train(3, 20)
    expect(tf.memory()).toMatchObject({ numTensors, numBytes })
    session.dispose()
  })
})
