import { DEFAULT_DATASET } from '../../data/registry.ts'
import type { StartRunInput } from '../../runs/lifecycle/wanted-run.ts'
import { DEFAULT_CHECKPOINT_POLICY } from '../../runs/model/checkpoint.ts'
import {
  EARLY_STOPPING_DEFAULTS,
  type HyperparametersInput,
  OPTIMIZER_DEFAULTS,
  type Optimizer,
  SCHEDULE_DEFAULTS,
  type Schedule,
} from '../../runs/model/hyperparameters.ts'
import { MAX_PINNED } from '../../runs/model/pinned.ts'
import { builder } from '../builder/builder.ts'
import { SplitEnum } from '../data/sample.ts'
import { AugmentationInput } from './augmentation-input.ts'
import { EarlyStoppingMetric, OnNonFinite } from './hyperparameters.ts'
import { TransferInput, toTransfer } from './transfer-input.ts'

const { sgd, adam } = OPTIMIZER_DEFAULTS
const { step, cosine, oneCycle } = SCHEDULE_DEFAULTS

const SgdInput = builder.inputType('SgdInput', {
  description: 'Stochastic gradient descent.',
  fields: (t) => ({
    momentum: t.float({
      required: true,
      defaultValue: sgd.momentum,
      description: 'Momentum; 0 for none, below 1.',
    }),
    nesterov: t.boolean({
      required: true,
      defaultValue: sgd.nesterov,
      description: "Whether the momentum is Nesterov's.",
    }),
    weightDecay: t.float({
      required: true,
      defaultValue: sgd.weightDecay,
      description: 'L2 weight decay, added to the gradients.',
    }),
  }),
})
const AdamInput = builder.inputType('AdamInput', {
  description: 'Adam with decoupled weight decay.',
  fields: (t) => ({
    beta1: t.float({
      required: true,
      defaultValue: adam.beta1,
      description: 'Decay rate of the running mean of the gradients, below 1.',
    }),
    beta2: t.float({
      required: true,
      defaultValue: adam.beta2,
      description: 'Decay rate of the running mean of their squares, below 1.',
    }),
    epsilon: t.float({
      required: true,
      defaultValue: adam.epsilon,
      description:
        'Added to the square root of the mean of squares, so that nothing is divided by zero; above 0.',
    }),
    weightDecay: t.float({
      required: true,
      defaultValue: adam.weightDecay,
      description: 'Decoupled weight decay, multiplied by the learning rate.',
    }),
  }),
})
export const OptimizerInput = builder.inputType('OptimizerInput', {
  description: 'Exactly one optimizer.',
  isOneOf: true,
  fields: (t) => ({
    sgd: t.field({ type: SgdInput, description: 'Stochastic gradient descent.' }),
    adam: t.field({ type: AdamInput, description: 'Adam.' }),
  }),
})
const StepScheduleInput = builder.inputType('StepScheduleInput', {
  description: 'The rate times gamma after every `epochs` epochs.',
  fields: (t) => ({
    epochs: t.int({
      required: true,
      defaultValue: step.epochs,
      description: 'Number of epochs after which the rate is multiplied.',
    }),
    gamma: t.float({
      required: true,
      defaultValue: step.gamma,
      description: 'Factor that the rate is multiplied by.',
    }),
    offset: t.int({
      required: true,
      defaultValue: step.offset,
      description: 'Number of epochs by which this happens earlier.',
    }),
  }),
})
const CosineScheduleInput = builder.inputType('CosineScheduleInput', {
  description: 'Half a cosine from the peak to the final rate, after a linear warm-up.',
  fields: (t) => ({
    warmupEpochs: t.float({
      required: true,
      defaultValue: cosine.warmupEpochs,
      description: 'Length of the warm-up in epochs.',
    }),
    finalLearningRate: t.float({
      required: true,
      defaultValue: cosine.finalLearningRate,
      description: 'Learning rate at the end.',
    }),
  }),
})
const OneCycleScheduleInput = builder.inputType('OneCycleScheduleInput', {
  description: 'Up to the peak and down again, both by half a cosine.',
  fields: (t) => ({
    warmupFraction: t.float({
      required: true,
      defaultValue: oneCycle.warmupFraction,
      description: 'Fraction of the run in which the rate goes up, between 0 and 1.',
    }),
    initialDivisor: t.float({
      required: true,
      defaultValue: oneCycle.initialDivisor,
      description: 'Quotient of the peak and the first rate.',
    }),
    finalDivisor: t.float({
      required: true,
      defaultValue: oneCycle.finalDivisor,
      description: 'Quotient of the first and the last rate.',
    }),
  }),
})
export const ScheduleInput = builder.inputType('ScheduleInput', {
  description: 'Exactly one schedule of the learning rate.',
  isOneOf: true,
  fields: (t) => ({
    constant: t.boolean({ description: 'True: the same rate for the whole run.' }),
    step: t.field({ type: StepScheduleInput, description: 'Down by a factor every few epochs.' }),
    cosine: t.field({
      type: CosineScheduleInput,
      description: 'Half a cosine from the peak down to a final rate.',
    }),
    oneCycle: t.field({ type: OneCycleScheduleInput, description: 'Up to the peak and down again.' }),
  }),
})
const ClassWeightsInput = builder.inputType('ClassWeightsInput', {
  description: 'Exactly one way to weigh the classes.',
  isOneOf: true,
  fields: (t) => ({
    balanced: t.boolean({
      description:
        'True: by how rare a class is, images / (classes * images of the class) among the training images that are used.',
    }),
    weights: t.floatList({ description: "A weight above 0 for each class, in the data set's order." }),
  }),
})
const CheckpointPolicyInput = builder.inputType('CheckpointPolicyInput', {
  description:
    'When checkpoints are saved, beside the ends of epochs (of epochs that take less time than saving does: the best so far, the last, and now and then one), and which are kept. Those that a model version was made of stay anyway.',
  fields: (t) => ({
    keepBest: t.int({
      required: true,
      defaultValue: DEFAULT_CHECKPOINT_POLICY.keepBest,
      description: 'Number of checkpoints kept for their test accuracy: the highest that are finite.',
    }),
    keepLatest: t.int({
      required: true,
      defaultValue: DEFAULT_CHECKPOINT_POLICY.keepLatest,
      description:
        'Number of newest checkpoints kept, of those at ends of epochs whose test was finite; at least 1.',
    }),
    everySteps: t.int({
      description:
        'Steps between two checkpoints, from which an interrupted run goes on; null for no such rule.',
    }),
    everySeconds: t.int({
      defaultValue: DEFAULT_CHECKPOINT_POLICY.everySeconds,
      description: 'Seconds between two checkpoints; null for none between the ends of epochs.',
    }),
  }),
})

const EarlyStoppingInput = builder.inputType('EarlyStoppingInput', {
  description:
    'Rule that ends a run when its epochs no longer get better; the run then has the weights of the best one.',
  fields: (t) => ({
    metric: t.field({
      type: EarlyStoppingMetric,
      required: true,
      defaultValue: EARLY_STOPPING_DEFAULTS.metric,
      description: 'Measure that epochs are compared by.',
    }),
    patience: t.int({
      required: true,
      defaultValue: EARLY_STOPPING_DEFAULTS.patience,
      description: 'Number of epochs in a row that may be no better than the best.',
    }),
    minDelta: t.float({
      required: true,
      defaultValue: EARLY_STOPPING_DEFAULTS.minDelta,
      description: 'Least difference from the best epoch that makes a better one, in the unit of the metric.',
    }),
  }),
})

const PinnedPictureInput = builder.inputType('PinnedPictureInput', {
  description: 'A picture of the data set that the run is to classify after each epoch.',
  fields: (t) => ({
    split: t.field({
      type: SplitEnum,
      required: true,
      defaultValue: 'test',
      description: 'The split it belongs to.',
    }),
    index: t.int({ required: true, description: 'Its place in the split, from 0.' }),
  }),
})

export const StartTrainingRunInput = builder.inputType('StartTrainingRunInput', {
  description:
    'What to train. What is left out comes from the preset, or else from a recipe that suits the network.',
  fields: (t) => ({
    architecture: t.string({
      required: true,
      description: 'Name of the network, from the query architectures.',
    }),
    dataset: t.string({
      required: true,
      defaultValue: DEFAULT_DATASET,
      description: 'Name of the data set, from the query datasets.',
    }),
    name: t.string({ description: 'Name for people; that of the network when left out.' }),
    notes: t.string({ description: 'Notes of people, in lines.' }),
    preset: t.string({
      description: 'Name of a recipe. "lecture" is that of the lecture this zoo comes from, value for value.',
    }),
    epochs: t.int({ description: 'Passes over the training images.' }),
    batchSize: t.int({ description: 'Images in a step.' }),
    seed: t.int({
      description:
        'Seed of the initial weights, the order of the images, augmentation and dropout; chosen at random when left out.',
    }),
    optimizer: t.field({ type: OptimizerInput, description: 'The rule that changes the weights.' }),
    learningRate: t.float({ description: 'The peak learning rate.' }),
    schedule: t.field({ type: ScheduleInput, description: 'Schedule of the learning rate.' }),
    augmentation: t.field({ type: AugmentationInput, description: 'Random changes of training images.' }),
    labelSmoothing: t.float({
      description: 'Label smoothing: probability spread over all classes, 0 to below 1.',
    }),
    classWeights: t.field({
      type: ClassWeightsInput,
      description:
        "Weights of the classes in the training loss: the mean of the images' losses by the weights of their classes. All alike when left out; evaluations know of none.",
    }),
    logEvery: t.int({ description: 'Steps averaged into one loss point (the lecture: 30).' }),
    trainLimit: t.int({
      description: 'Number of training images to use, the first ones; all when left out.',
    }),
    testLimit: t.int({
      description: 'Number of test images to use, the first ones, for a quick trial; all when left out.',
    }),
    earlyStopping: t.field({
      type: EarlyStoppingInput,
      description:
        'Rule that ends the run when its epochs no longer get better; left out, it trains all its epochs.',
    }),
    onNonFinite: t.field({
      type: OnNonFinite,
      description: 'What happens when the loss or a gradient is not finite: FAIL when left out.',
    }),
    checkpoints: t.field({
      type: CheckpointPolicyInput,
      description: 'When checkpoints are saved and which are kept.',
    }),
    transfer: t.field({
      type: TransferInput,
      description:
        'Weights to begin with, and what is trained of them; left out, the seed draws all weights. The optimizer begins anew.',
    }),
    priority: t.int({
      description: 'Priority in the queue: runs with higher ones leave it first; 0 when left out.',
    }),
    pinned: t.field({
      type: [PinnedPictureInput],
      description: `Up to ${MAX_PINNED} pictures to watch: EpochEnded.pinned and TrainingRun.pinned tell what the network says of them.`,
    }),
    idempotencyKey: t.string({
      description: 'Key of the request: the same key never starts a second run. Send it again when in doubt.',
    }),
  }),
})

type Input = typeof StartTrainingRunInput.$inferInput

/** The domain's form of the input: @oneOf objects become tagged values, null means left out. */
export function toStartRunInput(input: Input): StartRunInput {
  const { optimizer, schedule, classWeights, checkpoints, transfer, ...plain } = input
  const rest = Object.fromEntries(Object.entries(plain).filter(([, value]) => value != null))
  return {
    ...(rest as Pick<StartRunInput, 'architecture' | 'dataset'>),
    optimizer: toOptimizer(optimizer),
    schedule: toSchedule(schedule),
    classWeights: toClassWeights(classWeights),
    checkpoints:
      checkpoints == null
        ? undefined
        : {
            ...checkpoints,
            everySteps: checkpoints.everySteps ?? null,
            everySeconds: checkpoints.everySeconds ?? null,
          },
    transfer: toTransfer(transfer),
  }
}

export function toOptimizer(input: Input['optimizer']): HyperparametersInput['optimizer'] {
  if (input?.sgd != null) return { kind: 'sgd', ...input.sgd } satisfies Optimizer
  if (input?.adam != null) return { kind: 'adam', ...input.adam } satisfies Optimizer
  return undefined
}

function toClassWeights(input: Input['classWeights']): HyperparametersInput['classWeights'] {
  if (input?.weights != null) return input.weights
  // What is not to be balanced is all alike.
  return input?.balanced === true ? 'BALANCED' : undefined
}

export function toSchedule(input: Input['schedule']): HyperparametersInput['schedule'] {
  if (input?.step != null) return { kind: 'step', ...input.step } satisfies Schedule
  if (input?.cosine != null) return { kind: 'cosine', ...input.cosine } satisfies Schedule
  if (input?.oneCycle != null) return { kind: 'oneCycle', ...input.oneCycle } satisfies Schedule
  return input?.constant == null ? undefined : { kind: 'constant', constant: input.constant }
}
