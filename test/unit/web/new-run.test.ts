import { describe, expect, it } from 'vitest'
import { NO_NORMALIZATION } from '../../../src/data/normalization.ts'
import {
  type Hyperparameters,
  resolveHyperparameters,
  LECTURE_SEED as SEED_OF_THE_SERVER,
} from '../../../src/runs/model/hyperparameters.ts'
import { toStartRunInput } from '../../../src/schema/runs/start-training-run-input.ts'
import {
  LEARNING_RATE_WITHOUT_BATCH_NORM,
  LECTURE,
  LECTURE_SEED,
  NO_AUGMENTATION,
  STANDARD,
} from '../../../web/new/recipes.ts'
import type { RunToFork } from '../../../web/new/run-to-fork.ts'
import { inputOf, PRESETS, pictureOf, planOf, type Values, valuesOfRun } from '../../../web/new/values.ts'

/** What the server makes of what is asked for, as its API shows it, without what is not in the form. */
function resolved(asked: Parameters<typeof resolveHyperparameters>[0], batchNorm = true) {
  const result = resolveHyperparameters(asked, batchNorm, NO_NORMALIZATION)
  if ('issues' in result) throw new Error(JSON.stringify(result.issues))
  const { normalization: _, optimizer, schedule, ...rest } = result.hyperparameters
  return { ...rest, optimizer: named(optimizer), schedule: named(schedule) }
}

const TYPES = {
  sgd: 'Sgd',
  adam: 'Adam',
  constant: 'ConstantSchedule',
  step: 'StepSchedule',
  cosine: 'CosineSchedule',
  oneCycle: 'OneCycleSchedule',
}

function named({ kind, ...own }: Hyperparameters['optimizer'] | Hyperparameters['schedule']) {
  return { __typename: TYPES[kind], ...own }
}

/** The run that the form asks for, as the server takes it. */
function runOf(values: Values) {
  const { input, issues } = inputOf({ architecture: 'vgg_mini', ...values })
  expect(issues).toEqual([])
  return toStartRunInput(input as Parameters<typeof toStartRunInput>[0])
}

describe('The recipes that the form of a new run shows', () => {
  it('are what the server fills in where nothing is asked for', () => {
    expect(STANDARD).toEqual(resolved({}))
    expect({ ...STANDARD, learningRate: LEARNING_RATE_WITHOUT_BATCH_NORM }).toEqual(resolved({}, false))
  })

  it('have the recipe of the lecture, value for value', () => {
    expect(LECTURE).toEqual(resolved({ preset: 'lecture' }))
    expect(LECTURE_SEED).toBe(SEED_OF_THE_SERVER)
  })
})

describe('The input that the fields of a new run make', () => {
  it('has the network alone when nothing else was filled in', () => {
    expect(inputOf({ architecture: 'vgg_mini', epochs: '', notes: '' }).input).toEqual({
      architecture: 'vgg_mini',
    })
  })

  it('asks for the lecture with the fields filled in from it', () => {
    const {
      architecture: _a,
      dataset: _d,
      seed,
      checkpoints: _c,
      transfer: _t,
      ...asked
    } = runOf(PRESETS.lecture!.values)
    expect(seed).toBe(LECTURE_SEED)
    expect(resolved(asked)).toEqual(resolved({ preset: 'lecture' }))
  })

  it('makes a fork ask for what its run has', () => {
    const run: RunToFork = {
      number: 41,
      name: 'first',
      seed: 7,
      priority: 0,
      architecture: { name: 'vgg_mini' },
      dataset: { reference: 'cifar10' },
      checkpointPolicy: { keepBest: 2, keepLatest: 1, everySteps: 50, everySeconds: null },
      pinned: [
        { split: 'TEST', index: 3 },
        { split: 'TRAIN', index: 9 },
      ],
      checkpoints: [{ id: 'newest', step: 10, epoch: 1, testAccuracy: 0.5 }],
      modelVersions: [],
      transfer: { frozenLayers: ['features.0', 'features.3'], headLearningRate: 0.02 },
      hyperparameters: {
        ...STANDARD,
        optimizer: { __typename: 'Adam', beta1: 0.8, beta2: 0.99, epsilon: 1e-7, weightDecay: 0.01 },
        schedule: { __typename: 'CosineSchedule', warmupEpochs: 0.5, finalLearningRate: 1e-5 },
        trainLimit: 500,
        classWeights: { balanced: false, weights: [1, 2.5] },
        earlyStopping: { metric: 'TEST_ACCURACY', patience: 3, minDelta: 0.01 },
        onNonFinite: 'CONTINUE',
      },
    }
    const { input, issues } = inputOf(valuesOfRun(run))
    expect(issues).toEqual([])
    expect(input).toEqual({
      architecture: 'vgg_mini',
      dataset: 'cifar10',
      name: 'Fork of #41',
      transfer: { from: 'newest', freeze: { upTo: 'features.3' }, headLearningRate: 0.02 },
      epochs: 10,
      batchSize: 128,
      trainLimit: 500,
      logEvery: 10,
      seed: 7,
      learningRate: 0.1,
      labelSmoothing: 0,
      classWeights: { weights: [1, 2.5] },
      onNonFinite: 'CONTINUE',
      optimizer: { adam: { beta1: 0.8, beta2: 0.99, epsilon: 1e-7, weightDecay: 0.01 } },
      schedule: { cosine: { warmupEpochs: 0.5, finalLearningRate: 1e-5 } },
      augmentation: { ...NO_AUGMENTATION, horizontalFlip: true, cropPadding: 4 },
      checkpoints: { keepBest: 2, keepLatest: 1, everySteps: 50, everySeconds: null },
      earlyStopping: { metric: 'TEST_ACCURACY', patience: 3, minDelta: 0.01 },
      pinned: [
        { split: 'TEST', index: 3 },
        { split: 'TRAIN', index: 9 },
      ],
    })
  })

  it('says of weights to begin with all that it shows, so that nothing is taken from the run that made them', () => {
    expect(inputOf({ architecture: 'vgg_mini', 'transfer.from': 'weights' }).input.transfer).toEqual({
      ...{ from: 'weights', freeze: { part: 'NONE' }, headLearningRate: null },
    })
  })

  it('is planned by what changes what it takes, the recipe where nothing is said', () => {
    const plan = (values: Values) =>
      planOf(inputOf({ architecture: 'vgg_mini', ...values }).input, values.preset ? LECTURE : STANDARD)
    const usual = { name: 'vgg_mini', dataset: 'cifar10', batchSize: 128, optimizer: null, freeze: null }
    expect(plan({})).toEqual({ ...usual, augmented: true, trainLimit: null, testLimit: null })
    expect(plan({ preset: 'lecture' })).toMatchObject({ batchSize: 512, augmented: false })
    const frozen = { dataset: 'pets@2', 'transfer.from': 'weights', augmentation: 'own', trainLimit: '500' }
    expect(plan({ ...frozen, 'transfer.freeze': 'FEATURES' })).toEqual({
      ...{ ...usual, dataset: 'pets@2', freeze: { part: 'FEATURES' } },
      ...{ augmented: false, trainLimit: 500, testLimit: null },
    })
    const upTo = { ...frozen, 'transfer.freeze': 'upTo', 'augmentation.mixup': '0.2' }
    expect(plan(upTo)).toMatchObject({ freeze: null, augmented: true })
    expect(plan({ ...upTo, 'transfer.freeze.upTo': 'features.3' }).freeze).toEqual({ upTo: 'features.3' })
    expect(plan({ ...upTo, 'transfer.from': '' }).freeze).toBeNull()
  })

  it('says beside which field something is no number', () => {
    const values = {
      epochs: '1.5',
      seed: '99999999999',
      learningRate: '0,1',
      pinned: '7, cat',
      optimizer: 'sgd',
      classWeights: 'own',
      'classWeights.weights': '1, , 2',
    }
    const { input, issues } = inputOf({ ...values, 'optimizer.sgd.momentum': 'much' })
    expect(issues.map(({ path }) => path.join('.')).sort()).toEqual([
      'classWeights.weights',
      'epochs',
      'learningRate',
      'optimizer.sgd.momentum',
      'pinned',
      'seed',
    ])
    expect(input).not.toHaveProperty('epochs')
  })

  it('reads pinned pictures by their place in a split', () => {
    expect([
      pictureOf('7'),
      pictureOf('train 7'),
      pictureOf('TEST 0'),
      pictureOf('-1'),
      pictureOf(''),
    ]).toEqual([
      { split: 'TEST', index: 7 },
      { split: 'TRAIN', index: 7 },
      { split: 'TEST', index: 0 },
      null,
      null,
    ])
  })
})
