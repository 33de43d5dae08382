import { beforeAll, expect, test } from 'vitest'
import { selectEngine } from '../../../src/engine/select.ts'
import { Random } from '../../../src/random.ts'
import { PHASES } from '../../../src/runs/model/phases.ts'
import { createPhaseClock, timed } from '../../../src/trainer/phases.ts'
import { createTrainingSession } from '../../../src/trainer/session.ts'
import { findArchitecture } from '../../../src/zoo/catalog.ts'
import { fitArchitecture } from '../../../src/zoo/fit.ts'

beforeAll(async () => {
  await selectEngine('wasm')
})

test('phases add up, each by itself', () => {
  const clock = createPhaseClock()
  clock.add('data', 250)
  clock.add('saving', 1000)
  clock.add('data', 500)
  expect(clock.seconds()).toEqual({
    frozenLayers: 0,
    data: 0.75,
    forwardBackward: 0,
    optimizer: 0,
    evaluation: 0,
    saving: 1,
  })
  expect(Object.keys(clock.seconds())).toEqual([...PHASES])
})

test('what makes items is timed, and what is done with them is not', async () => {
  let time = 0
  const clock = createPhaseClock()
  async function* items() {
    for (let i = 0; i < 3; i++) {
      time += 10
      yield i
    }
  }
  const seen: number[] = []
  for await (const item of timed(clock, 'data', items(), () => time)) {
    seen.push(item)
    time += 1000
  }
  expect(seen).toEqual([0, 1, 2])
  expect(clock.seconds().data).toBe(0.03)
})

test('a step is split into its passes and its update, which are all of it', async () => {
  const session = createTrainingSession(
    fitArchitecture(findArchitecture('vgg_mini')!, [32, 32, 3], 10),
    { optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0 }, labelSmoothing: 0 },
    1,
  )
  const batch = { x: new Random(1).normal(4 * 3072, 1), y: Int32Array.of(0, 1, 2, 3), size: 4 }
  const started = performance.now()
  for (let step = 0; step < 3; step++) await session.step(batch, step, 0.01)
  const took = (performance.now() - started) / 1000
  const { forwardBackward, optimizer, ...rest } = session.phases.seconds()
  expect(forwardBackward).toBeGreaterThan(optimizer)
  expect(optimizer).toBeGreaterThan(0)
  expect((forwardBackward + optimizer) / took).toBeGreaterThan(0.9)
  expect(forwardBackward + optimizer).toBeLessThanOrEqual(took)
  expect(rest).toEqual({ frozenLayers: 0, data: 0, evaluation: 0, saving: 0 })
  session.dispose()
})
