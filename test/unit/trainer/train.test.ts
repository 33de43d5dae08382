import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, test } from 'vitest'
import { NO_AUGMENTATION } from '../../../src/data/augmentation/augmentation.ts'
import { NO_NORMALIZATION } from '../../../src/data/normalization.ts'
import { selectEngine } from '../../../src/engine/select.ts'
import { picturesAtOnce, resultsAtOnce } from '../../../src/models/pictures-at-once.ts'
import type { Change } from '../../../src/runs/model/changes.ts'
import {
  type Hyperparameters,
  type HyperparametersInput,
  OPTIMIZER_DEFAULTS,
  resolveHyperparameters,
} from '../../../src/runs/model/hyperparameters.ts'
import type { MeasuredEpoch } from '../../../src/runs/model/measurements.ts'
import type { FrozenResults } from '../../../src/trainer/frozen-results.ts'
import type { TrainingJob } from '../../../src/trainer/protocol.ts'
import { createRequests } from '../../../src/trainer/requests.ts'
import {
  createTrainingSession,
  type TrainingBatch,
  type TrainingSession,
} from '../../../src/trainer/session.ts'
import type { TrainerState } from '../../../src/trainer/state.ts'
import { type TrainingHooks, train } from '../../../src/trainer/train.ts'
import type { Architecture } from '../../../src/zoo/architecture.ts'
import { parseFeatures } from '../../../src/zoo/features.ts'
import { frozenPart } from '../../../src/zoo/transfer.ts'
import { batchesInMemory, inMemory } from '../../support/loaded-dataset.ts'
import { seededRandom } from '../../support/random.ts'

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

const split = (count: number) =>
  inMemory({
    count,
    imageShape: [32, 32, 3] as [number, number, number],
    pixels: Uint8Array.from({ length: count * 32 * 32 * 3 }, (_, i) => (i * 7919) % 251),
    labels: Uint16Array.from({ length: count }, (_, i) => i % 10),
  })
const DATASET = batchesInMemory({ train: split(8), test: split(4) })

function hyperparametersOf(input: HyperparametersInput): Hyperparameters {
  const resolved = resolveHyperparameters({ batchSize: 4, ...input }, true, NO_NORMALIZATION)
  if ('issues' in resolved) throw new Error(resolved.issues[0].message)
  return resolved.hyperparameters
}

/** Each end of an epoch is one that is saved, unless it is said otherwise. */
type Saving = Partial<Pick<TrainingJob['checkpoints'], 'everyEpochs' | 'keepBest'>>

function jobOf(hyperparameters: Hyperparameters, changes: Change[], saving: Saving = {}): TrainingJob {
  const checkpoints = { everyEpochs: 1, keepBest: 1, everySteps: null, everySeconds: null, ...saving }
  return { architecture: TINY, hyperparameters, changes, seed: 1, checkpoints } as unknown as TrainingJob
}

/** A run that its own process would do, but for what happens between the steps. */
async function run(
  hyperparameters: Hyperparameters,
  {
    changes = [],
    from = null,
    session,
    saving,
    ...hooks
  }: Partial<TrainingHooks> & {
    changes?: Change[]
    from?: TrainerState | null
    session: TrainingSession
    saving?: Saving
  },
) {
  const job = jobOf(hyperparameters, changes, saving)
  const states: TrainerState[] = []
  const outcome = await train(job, DATASET, session, null, from, {
    begins() {},
    point() {},
    progress() {},
    async stepped() {},
    async epoch(_summary, _progress, state) {
      states.push(state)
    },
    applyRequests: () => null,
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
  // All mistakes of a test are known to the attempt that made it: a checkpoint has no room for them.
  expect(await run(hyperparameters, { session, from })).toEqual({
    ...first,
    states: [],
    outcome: { ...first.outcome, mistakes: null },
  })
  const more = await run(hyperparameters, { session, from, changes: [{ step: 4, epochs: 11 }] })
  expect(more.states.map(({ step }) => step)).toEqual([6])
  session.dispose()
})

describe('a network that is not finite', () => {
  /** The statistics of its batch norms, which a test needs and training does not: NaN, infinite, or as they were. */
  function statisticsOf({ model }: TrainingSession) {
    const weights = model.nonTrainableWeights
    const before = weights.map((weight) => weight.read().dataSync().slice())
    const write = (values: (index: number) => ArrayLike<number>) => {
      for (const [i, weight] of weights.entries()) {
        const value = tf.tensor(Float32Array.from(values(i)), weight.shape as number[])
        weight.write(value)
        value.dispose()
      }
    }
    return {
      become: (value: number) => write((i) => before[i].map(() => value)),
      recover: () => write((i) => before[i]),
    }
  }

  /** Trains with statistics that are these numbers in the test of the epochs that have one. */
  async function testedWith(input: HyperparametersInput, values: Record<number, number>, saving?: Saving) {
    const hyperparameters = hyperparametersOf({ learningRate: 0.01, onNonFinite: 'CONTINUE', ...input })
    const session = createTrainingSession(TINY, hyperparameters, 1)
    const statistics = statisticsOf(session)
    const summaries: MeasuredEpoch[] = []
    const states: TrainerState[] = []
    const { outcome } = await run(hyperparameters, {
      session,
      saving,
      point({ step }) {
        const value = values[step / 2]
        if (value !== undefined) statistics.become(value)
      },
      applyRequests({ step, epoch }) {
        // The next epoch begins.
        if (step === 2 * epoch) statistics.recover()
        return null
      },
      async epoch(summary, _progress, state) {
        summaries.push(summary)
        states.push(state)
      },
    })
    session.dispose()
    return { outcome, summaries, states }
  }
  const NONE = { testLoss: null, testAccuracy: null }

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'in its last test (%d) has no figures there, and the run comes to the last epoch that has',
    async (value) => {
      const { outcome, summaries } = await testedWith({ epochs: 4 }, { 3: value, 4: value })
      expect(summaries).toMatchObject([{}, {}, NONE, NONE])
      expect(summaries[1].testAccuracy).toBeGreaterThanOrEqual(0)
      expect(outcome).toMatchObject({ kind: 'trained', step: 4, evaluation: { loss: summaries[1].testLoss } })
    },
  )

  test('in its last test comes to the last epoch before that was saved', async () => {
    const { outcome } = await testedWith({ epochs: 6 }, { 6: Number.NaN }, { everyEpochs: 3, keepBest: 0 })
    expect(outcome).toMatchObject({ kind: 'trained', step: 6 })
  })

  test.each(['TEST_LOSS', 'TEST_ACCURACY'] as const)(
    'is never the best by %s, though it is the first',
    async (metric) => {
      const { outcome, states } = await testedWith(
        { epochs: 5, earlyStopping: { metric, patience: 3, minDelta: 0 } },
        { 1: Number.NaN, 3: Number.NaN, 4: Number.POSITIVE_INFINITY, 5: Number.NaN },
      )
      expect(states.map(({ earlyStopping: { best, waited } }) => [best?.epoch ?? null, waited])).toEqual([
        [null, 1],
        [2, 0],
        [2, 1],
        [2, 2],
        [2, 3],
      ])
      expect(outcome).toMatchObject({ kind: 'trained', step: 4 })
    },
  )

  // In XNNPACK's ReLU NaN is 0: what the network says is finite.
  test('in every test comes to nothing, and says from which layer on', async () => {
    const all = { 1: Number.NaN, 2: Number.NaN, 3: Number.NaN }
    const expected = { kind: 'notFinite', what: 'TESTS', epoch: 3, step: 6, layer: 'features.1' }
    expect((await testedWith({ epochs: 3 }, all)).outcome).toEqual({ ...expected, loss: null })
    const rule = { metric: 'TEST_ACCURACY', patience: 2, minDelta: 0 } as const
    // It does not wait for a better one for ever.
    const stopped = await testedWith({ epochs: 9, earlyStopping: rule }, all)
    expect(stopped.outcome).toMatchObject({ kind: 'notFinite', what: 'TESTS', epoch: 2 })
  })

  test('of which every step of an epoch is left out is at its end there, though it was paused on the way', async () => {
    const hyperparameters = hyperparametersOf({ epochs: 3, learningRate: 0.01, onNonFinite: 'CONTINUE' })
    const session = createTrainingSession(TINY, hyperparameters, 1)
    const [kernel] = session.model.trainableWeights
    const breakIt = () => kernel.write(tf.fill(kernel.shape as number[], Number.NaN))
    const paused = await run(hyperparameters, {
      session,
      applyRequests({ step }) {
        if (step === 2) breakIt()
        return step === 3 ? 'PAUSE' : null
      },
    })
    if (paused.outcome.kind !== 'stopped') throw new Error('it was not paused')
    const { outcome } = await run(hyperparameters, { session, from: paused.outcome.state })
    expect(outcome).toMatchObject({ kind: 'notFinite', what: 'EPOCH', epoch: 2, step: 4 })
    session.dispose()
  })
})

test('of short epochs each third is saved, the last, and each that may be kept for its test', async () => {
  const seen = new Set<boolean>()
  for (const keepBest of [0, 1, 2]) {
    const hyperparameters = hyperparametersOf({ epochs: 10, learningRate: 0.02 })
    const session = createTrainingSession(TINY, hyperparameters, 1)
    const accuracies: number[] = []
    const wanted: boolean[] = []
    await run(hyperparameters, {
      session,
      saving: { everyEpochs: 3, keepBest },
      async epoch({ testAccuracy }, _progress, _state, isWanted) {
        accuracies.push(testAccuracy!)
        wanted.push(isWanted)
      },
    })
    session.dispose()
    expect(wanted).toHaveLength(10)
    for (const [i, isWanted] of wanted.entries()) {
      const better = accuracies.slice(0, i).filter((other) => other >= accuracies[i]).length
      expect(isWanted, `epoch ${i + 1} of ${accuracies}`).toBe(i % 3 === 2 || i === 9 || better < keepBest)
      seen.add(isWanted)
    }
    // Whatever is kept at the end for its test was saved.
    const best = accuracies.map((_, i) => i).sort((a, b) => accuracies[b] - accuracies[a] || a - b)
    expect(best.slice(0, keepBest).every((i) => wanted[i])).toBe(true)
  }
  expect(seen).toEqual(new Set([true, false]))
})

test('what is kept of frozen layers is tested many pictures at once, to the same last bit', async () => {
  const size = 160
  const architecture: Architecture = {
    ...TINY,
    inputShape: [size, size, 3],
    features: parseFeatures('4,M,4,M,4,M'),
  }
  const part = frozenPart(architecture, 'FEATURES')
  if (typeof part === 'string') throw new Error(part)
  const pictures = picturesAtOnce([size, size])
  const count = 2 * pictures + 3
  expect(resultsAtOnce(architecture, part.layers)).toBeGreaterThanOrEqual(2 * pictures)
  const images = inMemory({
    count,
    imageShape: [size, size, 3] as [number, number, number],
    pixels: Uint8Array.from({ length: count * size * size * 3 }, (_, i) => (i * 7919) % 251),
    labels: Uint16Array.from({ length: count }, (_, i) => i % 10),
  })
  const dataset = batchesInMemory({ train: images, test: images })
  const hyperparameters = hyperparametersOf({ epochs: 1, batchSize: 4, trainLimit: 4, learningRate: 1e-30 })
  const transfer = { frozen: part.layers, head: [], headRate: 1 }
  const session = createTrainingSession(architecture, hyperparameters, 1, { transfer })
  const sizes: number[] = []
  // As they are kept: always so many at a time.
  const all: Float32Array[] = []
  const options = {
    augmentation: NO_AUGMENTATION,
    normalization: NO_NORMALIZATION,
    shuffle: false,
    seed: 1,
    epoch: 0,
  }
  for await (const { x, size: n } of dataset.epoch('test', { ...options, batchSize: pictures })) {
    const values = tf.tidy(() =>
      session.frozen!.forward(tf.tensor(x, [n, size, size, 3])).dataSync(),
    ) as Float32Array
    const length = values.length / n
    for (let i = 0; i < n; i++) all.push(values.slice(i * length, (i + 1) * length))
  }
  const kept: FrozenResults = {
    async *epoch(split, options) {
      const most = options.limit ?? count
      for (let start = (options.skip ?? 0) * options.batchSize; start < most; start += options.batchSize) {
        const some = all.slice(start, Math.min(most, start + options.batchSize))
        const y = Int32Array.from(some, (_, i) => (start + i) % 10)
        if (split === 'test') sizes.push(some.length)
        yield {
          x: Float32Array.from(some.flatMap((one) => [...one])),
          y,
          size: some.length,
          isFrozenResult: true,
        } as TrainingBatch
      }
    },
    close() {},
  }
  const evaluationOf = async (frozen: FrozenResults | null) => {
    const job = { ...jobOf(hyperparameters, []), architecture }
    const hooks = {
      begins() {},
      point() {},
      progress() {},
      async stepped() {},
      async epoch() {},
      applyRequests: () => null,
    }
    const outcome = await train(job, dataset, session, frozen, null, hooks)
    if (outcome.kind !== 'trained') throw new Error(outcome.kind)
    return outcome.evaluation
  }
  const whole = await evaluationOf(null)
  expect(whole.count).toBe(count)
  expect(await evaluationOf(kept)).toEqual(whole)
  expect(sizes).toEqual([2 * pictures, 3])
  session.dispose()
})

/** Weights, slots and counters between two steps: what a checkpoint holds. */
function copyOf(session: TrainingSession, state: TrainerState) {
  const values = (tensors: readonly tf.Tensor[]) => tensors.map((tensor) => tensor.dataSync().slice())
  return {
    weights: values(session.model.weights.map((weight) => weight.read())),
    slots: values(Object.values(session.stepper.slots).flat()),
    // As it comes back from its file.
    state: JSON.parse(JSON.stringify(state)) as TrainerState,
  }
}

function sessionFrom(hyperparameters: Hyperparameters, copy: ReturnType<typeof copyOf> | null) {
  const session = createTrainingSession(TINY, hyperparameters, 1)
  if (copy === null) return session
  const assign = (variable: { shape: tf.Shape; set(value: tf.Tensor): void }, values: tf.TypedArray) => {
    const value = tf.tensor(values, variable.shape as number[])
    variable.set(value)
    value.dispose()
  }
  for (const [i, weight] of session.model.weights.entries()) {
    assign({ shape: weight.shape, set: (value) => weight.write(value) }, copy.weights[i])
  }
  for (const [i, slot] of Object.values(session.stepper.slots).flat().entries()) {
    assign({ shape: slot.shape, set: (value) => slot.assign(value) }, copy.slots[i])
  }
  session.stepper.updates = copy.state.updates
  return session
}

/**
 * Trains to the end with these changes, each asked for once, as soon as its step is reached; and is paused, killed and
 * saved when `disturbs` says so.
 */
async function live(
  hyperparameters: Hyperparameters,
  asked: readonly Change[],
  saving: Saving,
  disturbs: (how: 'pause' | 'kill' | 'save') => boolean,
) {
  const open = [...asked]
  const losses = new Map<number, unknown[]>()
  const wanted = new Map<number, boolean>()
  let changes: Change[] = []
  let saved: ReturnType<typeof copyOf> | null = null
  for (let attempt = 1; ; attempt++) {
    const session = sessionFrom(hyperparameters, saved)
    const from = saved?.state ?? null
    for (const step of losses.keys()) if (step > (from?.step ?? 0)) losses.delete(step)
    const job = jobOf(hyperparameters, changes, saving)
    const requests = createRequests()
    const outcome = await train(job, DATASET, session, null, from, {
      begins() {},
      point({ step, epoch, loss, learningRate }) {
        losses.set(step, [step, epoch, loss, learningRate])
      },
      progress() {},
      async stepped(state) {
        if (disturbs('save')) saved = copyOf(session, state)
      },
      async epoch(summary, _progress, state, isWanted) {
        if (isWanted) saved = copyOf(session, state)
        wanted.set(summary.epoch, isWanted)
        losses.set(summary.epoch - 0.5, [summary.trainLoss, summary.trainAccuracy, summary.testLoss])
      },
      applyRequests(place) {
        while (open.length > 0 && open[0].step <= place.step) {
          const { step: _, ...values } = open.shift()!
          requests.take({ type: 'update', id: 1, values })
        }
        requests.apply(place, job, () => {})
        changes = job.changes
        if (disturbs('kill')) throw new Error('killed')
        return disturbs('pause') ? 'PAUSE' : null
      },
    }).catch((error: Error) => {
      if (error.message !== 'killed') throw error
      return null
    })
    if (outcome?.kind === 'stopped') saved = copyOf(session, outcome.state)
    const end = outcome?.kind === 'trained' ? copyOf(session, from ?? ({} as TrainerState)) : null
    session.dispose()
    if (end === null) continue
    const { weights, slots } = end
    // Null where the test was made by an attempt that was killed: a checkpoint has no room for them.
    const result = { ...outcome, mistakes: null }
    const saves = [...wanted]
    return { outcome: result, weights, slots, changes, losses: [...losses.values()], saves, attempt }
  }
}

test.each([1, 2, 3, 4, 5, 6])(
  'a run that is changed on its way, and paused and killed at random (%i), comes to the same',
  async (seed) => {
    const random = seededRandom(seed)
    const hyperparameters = hyperparametersOf({
      epochs: 6,
      batchSize: 2,
      logEvery: 3,
      optimizer: seed % 2 === 0 ? { kind: 'adam', ...OPTIMIZER_DEFAULTS.adam } : undefined,
      augmentation: seed % 2 === 0 ? { ...NO_AUGMENTATION, rotation: 20, hue: 0.1, mixup: 0.5 } : undefined,
      learningRate: 0.01,
      earlyStopping: seed % 3 === 0 ? { metric: 'TEST_LOSS', patience: 2, minDelta: 0.01 } : undefined,
    })
    // 4 steps in an epoch of 8 images.
    const asked: Change[] = [
      { step: Math.floor(random() * 4), learningRate: 0.02 },
      { step: 4 + Math.floor(random() * 5), epochs: 9 },
      { step: 9 + Math.floor(random() * 4), schedule: { kind: 'constant' }, epochs: 5 },
    ]
    const saving = { everyEpochs: seed > 3 ? 3 : 1 }
    const { attempt: _, ...undisturbed } = await live(hyperparameters, asked, saving, () => false)
    const odds = { pause: 0.06, kill: 0.08, save: 0.3 }
    const { attempt, ...disturbed } = await live(
      hyperparameters,
      asked,
      saving,
      (how) => random() < odds[how],
    )
    expect(attempt).toBeGreaterThan(1)
    expect(disturbed).toEqual(undisturbed)
  },
)
