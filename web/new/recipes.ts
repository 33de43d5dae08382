import type { Hyperparameters } from '../run/hyperparameters.ts'

/** What of an augmentation is a number with a point. */
export const AUGMENTATION_PARTS = [
  ...(['rotation', 'scale', 'resizedCrop'] as const),
  ...(['brightness', 'contrast', 'saturation', 'hue'] as const),
  ...(['erasing', 'mixup'] as const),
]

export const NO_AUGMENTATION: Hyperparameters['augmentation'] = {
  horizontalFlip: false,
  cropPadding: 0,
  cutout: 0,
  rotation: 0,
  scale: 0,
  resizedCrop: 0,
  brightness: 0,
  contrast: 0,
  saturation: 0,
  hue: 0,
  erasing: 0,
  mixup: 0,
}

/**
 * What the server fills in where nothing is asked for, and the lecture's recipe: shown in the form before a run has them.
 * The API has no word of them but in the runs that got them, so that a test holds them beside the server's own.
 */
export const STANDARD: Hyperparameters = {
  preset: null,
  epochs: 10,
  batchSize: 128,
  optimizer: { __typename: 'Sgd', momentum: 0.9, nesterov: true, weightDecay: 5e-4 },
  learningRate: 0.1,
  schedule: { __typename: 'OneCycleSchedule', warmupFraction: 0.3, initialDivisor: 25, finalDivisor: 1e4 },
  augmentation: { ...NO_AUGMENTATION, horizontalFlip: true, cropPadding: 4 },
  labelSmoothing: 0,
  classWeights: null,
  logEvery: 10,
  trainLimit: null,
  testLimit: null,
  earlyStopping: null,
  onNonFinite: 'FAIL',
}

export const LEARNING_RATE_WITHOUT_BATCH_NORM = 0.02

export const LECTURE: Hyperparameters = {
  preset: 'lecture',
  epochs: 50,
  batchSize: 512,
  optimizer: { __typename: 'Sgd', momentum: 0.9, nesterov: false, weightDecay: 0 },
  learningRate: 0.005,
  schedule: { __typename: 'StepSchedule', epochs: 5, gamma: 0.9, offset: 1 },
  augmentation: NO_AUGMENTATION,
  labelSmoothing: 0,
  classWeights: null,
  logEvery: 30,
  trainLimit: null,
  testLimit: null,
  earlyStopping: null,
  onNonFinite: 'FAIL',
}

export const LECTURE_SEED = 777

/** What an input takes for a field of a group that is left empty, as schema.graphql has it. */
export const DEFAULTS: Readonly<Record<string, string>> = {
  'optimizer.sgd.momentum': '0.9',
  'optimizer.sgd.weightDecay': '0',
  'optimizer.adam.beta1': '0.9',
  'optimizer.adam.beta2': '0.999',
  'optimizer.adam.epsilon': '1e-8',
  'optimizer.adam.weightDecay': '0',
  'schedule.step.epochs': '5',
  'schedule.step.gamma': '0.9',
  'schedule.step.offset': '0',
  'schedule.cosine.warmupEpochs': '0',
  'schedule.cosine.finalLearningRate': '0',
  'schedule.oneCycle.warmupFraction': '0.3',
  'schedule.oneCycle.initialDivisor': '25',
  'schedule.oneCycle.finalDivisor': '10000',
  'augmentation.cropPadding': '0',
  'augmentation.cutout': '0',
  ...Object.fromEntries(AUGMENTATION_PARTS.map((name) => [`augmentation.${name}`, '0'])),
  'checkpoints.everySteps': 'none',
  'checkpoints.everySeconds': '60',
  'checkpoints.keepBest': '1',
  'checkpoints.keepLatest': '1',
  'earlyStopping.patience': '5',
  'earlyStopping.minDelta': '0',
}
