import type { Change } from '../../runs/model/changes.ts'
import type {
  Augmentation,
  EARLY_STOPPING_METRICS,
  EarlyStopping,
  Hyperparameters,
  ON_NON_FINITE,
  Optimizer,
  Schedule,
} from '../../runs/model/hyperparameters.ts'
import type { RateChange } from '../../runs/model/learning-rate.ts'
import { builder } from '../builder/builder.ts'
import { described } from '../builder/described.ts'

type Sgd = Extract<Optimizer, { kind: 'sgd' }>
type Adam = Extract<Optimizer, { kind: 'adam' }>
type Step = Extract<Schedule, { kind: 'step' }>
type Cosine = Extract<Schedule, { kind: 'cosine' }>
type OneCycle = Extract<Schedule, { kind: 'oneCycle' }>
type Constant = Extract<Schedule, { kind: 'constant' }>

const SgdRef = builder.objectRef<Sgd>('Sgd').implement({
  description: 'Stochastic gradient descent.',
  fields: (t) => ({
    momentum: t.exposeFloat('momentum', { description: '0 for none.' }),
    nesterov: t.exposeBoolean('nesterov', { description: "Whether the momentum is Nesterov's." }),
    weightDecay: t.exposeFloat('weightDecay', { description: 'L2 decay, added to the gradients.' }),
  }),
})
const AdamRef = builder.objectRef<Adam>('Adam').implement({
  description: 'Adam with decoupled weight decay.',
  fields: (t) => ({
    beta1: t.exposeFloat('beta1', { description: 'Decay of the mean of the gradients.' }),
    beta2: t.exposeFloat('beta2', { description: 'Decay of the mean of their squares.' }),
    epsilon: t.exposeFloat('epsilon', { description: 'Added to the root of the second.' }),
    weightDecay: t.exposeFloat('weightDecay', { description: 'Decoupled decay, times the learning rate.' }),
  }),
})
const OptimizerUnion = builder.unionType('Optimizer', {
  description: 'The rule that changes the weights.',
  types: [SgdRef, AdamRef],
  resolveType: (it) => (it.kind === 'sgd' ? SgdRef : AdamRef),
})

const StepRef = builder.objectRef<Step>('StepSchedule').implement({
  description: 'The rate times gamma after every `epochs` epochs.',
  fields: (t) => ({
    epochs: t.exposeInt('epochs', { description: 'Epochs between two changes.' }),
    gamma: t.exposeFloat('gamma', { description: 'The factor of a change.' }),
    offset: t.exposeInt('offset', {
      description: 'Epochs by which the changes come earlier; 1 is a scheduler called before each epoch.',
    }),
  }),
})
const CosineRef = builder.objectRef<Cosine>('CosineSchedule').implement({
  description: 'Half a cosine from the peak to the final rate, after a linear warm-up.',
  fields: (t) => ({
    warmupEpochs: t.exposeFloat('warmupEpochs', { description: 'Epochs of warm-up.' }),
    finalLearningRate: t.exposeFloat('finalLearningRate', { description: 'The rate at the end.' }),
  }),
})
const OneCycleRef = builder.objectRef<OneCycle>('OneCycleSchedule').implement({
  description: 'Up to the peak and down again, both by half a cosine.',
  fields: (t) => ({
    warmupFraction: t.exposeFloat('warmupFraction', { description: 'The part of the run that goes up.' }),
    initialDivisor: t.exposeFloat('initialDivisor', {
      description: 'The first rate is the peak divided by this.',
    }),
    finalDivisor: t.exposeFloat('finalDivisor', {
      description: 'The last rate is the first divided by this.',
    }),
  }),
})
const ConstantRef = builder.objectRef<Constant>('ConstantSchedule').implement({
  description: 'The same rate for the whole run.',
  fields: (t) => ({
    constant: t.boolean({ description: 'Always true; an object needs a field.', resolve: () => true }),
  }),
})
const ScheduleUnion = builder.unionType('Schedule', {
  description: 'How the learning rate changes over the run.',
  types: [StepRef, CosineRef, OneCycleRef, ConstantRef],
  resolveType: (it) =>
    ({ step: StepRef, cosine: CosineRef, oneCycle: OneCycleRef, constant: ConstantRef })[it.kind],
})

const AugmentationRef = builder.objectRef<Augmentation>('Augmentation').implement({
  description: 'Random changes of training images.',
  fields: (t) => ({
    horizontalFlip: t.exposeBoolean('horizontalFlip', { description: 'Mirror half of the images.' }),
    cropPadding: t.exposeInt('cropPadding', {
      description: 'Black pixels around an image before a random crop.',
    }),
    cutout: t.exposeInt('cutout', { description: 'Edge in pixels of a square that is blanked; 0 for none.' }),
  }),
})

export const EarlyStoppingMetric = builder.enumType('EarlyStoppingMetric', {
  description: 'What an epoch is judged by.',
  values: described<(typeof EARLY_STOPPING_METRICS)[number]>({
    TEST_LOSS: 'The mean loss on the test images: lower is better.',
    TEST_ACCURACY: 'The share of test images classified correctly: higher is better.',
  }),
})
export const OnNonFinite = builder.enumType('OnNonFinite', {
  description:
    'What becomes of a run whose loss or gradients are not finite: it ends as FAILED, or goes on without the updates of such steps, until an epoch has no other.',
  values: described<(typeof ON_NON_FINITE)[number]>({
    FAIL: 'The run ends as FAILED at the first such step.',
    CONTINUE: 'The run goes on without the updates of such steps; it fails when an epoch has no other.',
  }),
})
const EarlyStoppingRef = builder.objectRef<EarlyStopping>('EarlyStopping').implement({
  description: 'Ends the run when no epoch is better any more; it comes to the weights of the best one.',
  fields: (t) => ({
    metric: t.expose('metric', { type: EarlyStoppingMetric, description: 'What an epoch is judged by.' }),
    patience: t.exposeInt('patience', {
      description: 'Epochs in a row that may be no better than the best.',
    }),
    minDelta: t.exposeFloat('minDelta', { description: 'By how much an epoch has to be better.' }),
  }),
})

export const HyperparametersRef = builder.objectRef<Hyperparameters>('Hyperparameters').implement({
  description: 'Everything that decides what a run computes, defaults filled in.',
  fields: (t) => ({
    preset: t.exposeString('preset', { nullable: true, description: 'The recipe that filled in the rest.' }),
    epochs: t.exposeInt('epochs', { description: 'Passes over the training images.' }),
    batchSize: t.exposeInt('batchSize', { description: 'Images in a step.' }),
    optimizer: t.expose('optimizer', {
      type: OptimizerUnion,
      description: 'The rule that changes the weights.',
    }),
    learningRate: t.exposeFloat('learningRate', { description: 'The peak learning rate.' }),
    schedule: t.expose('schedule', { type: ScheduleUnion, description: 'How the rate changes.' }),
    augmentation: t.expose('augmentation', {
      type: AugmentationRef,
      description: 'Changes of training images.',
    }),
    labelSmoothing: t.exposeFloat('labelSmoothing', { description: 'Probability spread over all classes.' }),
    logEvery: t.exposeInt('logEvery', { description: 'Steps averaged into one loss point.' }),
    trainLimit: t.exposeInt('trainLimit', {
      nullable: true,
      description: 'Only the first N training images; null for all.',
    }),
    testLimit: t.exposeInt('testLimit', {
      nullable: true,
      description: 'Only the first N test images in each evaluation; null for all.',
    }),
    earlyStopping: t.expose('earlyStopping', {
      type: EarlyStoppingRef,
      nullable: true,
      description: 'When it ends before its last epoch; null for never.',
    }),
    onNonFinite: t.expose('onNonFinite', {
      type: OnNonFinite,
      description: 'What becomes of it when the loss or a gradient is not finite.',
    }),
    mean: t.floatList({
      description: 'Subtracted from the channels R, G, B of a pixel in 0..1.',
      resolve: ({ normalization }) => normalization.mean,
    }),
    std: t.floatList({
      description: 'What they are then divided by.',
      resolve: ({ normalization }) => normalization.std,
    }),
  }),
})

export const HyperparameterChangeRef = builder
  .objectRef<Change & RateChange>('HyperparameterChange')
  .implement({
    description: 'A change of a run on its way: what is null stayed as it was.',
    fields: (t) => ({
      step: t.exposeInt('step', {
        description: 'Steps done when it took effect: it counts for those after it.',
      }),
      learningRate: t.exposeFloat('learningRate', {
        nullable: true,
        description: 'The new peak learning rate.',
      }),
      epochs: t.exposeInt('epochs', { nullable: true, description: 'Epochs in all, now.' }),
      schedule: t.expose('schedule', {
        type: ScheduleUnion,
        nullable: true,
        description: 'How the rate changes, now.',
      }),
      continueFromLastRate: t.boolean({
        description: 'Whether the rest of the schedule goes on from the last rate.',
        resolve: ({ continueFromLastRate }) => continueFromLastRate ?? false,
      }),
      rateBefore: t.exposeFloat('rateBefore', {
        nullable: true,
        description: 'The learning rate of the last step before it; null when there is none.',
      }),
      rateAfter: t.exposeFloat('rateAfter', {
        nullable: true,
        description:
          'The learning rate of the first step after it; null when there is none, and until the trainer has started. Much above `rateBefore`, the rate jumps: as when a cosine or one-cycle schedule that had come to its end gets more epochs.',
      }),
    }),
  })
