import { beforeAll, expect, test } from 'vitest'
import { selectEngine } from '../../../src/engine/select.ts'
import type { Change } from '../../../src/runs/changes.ts'
import {
  type Hyperparameters,
  type HyperparametersInput,
  resolveHyperparameters,
} from '../../../src/runs/hyperparameters.ts'
import type { TrainingJob } from '../../../src/runs/trainer/protocol.ts'
import { createTrainingSession, type TrainingSession } from '../../../src/runs/trainer/session.ts'
import type { TrainerState } from '../../../src/runs/trainer/state.ts'
import { type TrainingHooks, train } from '../../../src/runs/trainer/train.ts'
import type { Architecture } from '../../../src/zoo/architecture.ts'
import { parseFeatures } from '../../../src/zoo/features.ts'

beforeAll(async () => {
  await selectEngine('wasm')
})

const TINY: Architecture = {
  name: 'tiny',
  title: 'tiny',
  origin: 'CUSTOM',
  configuration: null,
  features: parseFeatures('4,M,4x1,M'),
  batchNorm: true,
  inputShape: [32, 32, 3],
  classes: 10,
  head: { kind: 'flat', hidden: [], dropout: 0 },
}

const split = (count: number) => ({
  count,
  imageShape: [32, 32, 3] as [number, number, number],
  pixels: Uint8Array.from({ length: count * 32 * 32 * 3 }, (_, i) => (i * 7919) % 251),
  labels: Uint8Array.from({ length: count }, (_, i) => i % 10),
})
const DATASET = { train: split(8), test: split(4) }

function hyperparametersOf(input: HyperparametersInput): Hyperparameters {
  const resolved = resolveHyperparameters({ batchSize: 4, ...input }, true)
  if ('issues' in resolved) throw new Error(resolved.issues[0].message)
  return resolved.hyperparameters
}

/** A run that its own process would do, but for what happens between the steps. */
async function run(
  hyperparameters: Hyperparameters,
  {
    changes = [],
    from = null,
    session,
    ...hooks
  }: Partial<TrainingHooks> & {
    changes?: Change[]
    from?: TrainerState | null
    session: TrainingSession
  },
) {
  const job = { architecture: TINY, hyperparameters, changes, seed: 1 } as unknown as TrainingJob
  const states: TrainerState[] = []
  const outcome = await train(job, DATASET, session, from, {
    point() {},
    progress() {},
    async stepped() {},
    async epoch(_summary, _progress, state) {
      states.push(state)
    },
    obey: () => null,
    ...hooks,
  })
  return { outcome, states }
}

test('a run that has stopped early and is interrupted before it says so is over, unless it gets more epochs', async () => {
  const hyperparameters = hyperparametersOf({
    epochs: 10,
    earlyStopping: { metric: 'TEST_LOSS', patience: 1, minDelta: 1000 },
  })
  const session = createTrainingSession(TINY, hyperparameters, 1)
  const first = await run(hyperparameters, { session })
  expect(first.states.map(({ step }) => step)).toEqual([2, 4])
  expect(first.outcome).toMatchObject({ kind: 'trained', step: 2 })

  const from = first.states.at(-1)
  expect(await run(hyperparameters, { session, from })).toEqual({ ...first, states: [] })
  const more = await run(hyperparameters, { session, from, changes: [{ step: 4, epochs: 11 }] })
  expect(more.states.map(({ step }) => step)).toEqual([6])
  session.dispose()
})
