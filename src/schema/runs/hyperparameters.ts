import type { Change } from '../../runs/model/changes.ts'
import type {
  Augmentation,
  ClassWeights,
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
    momentum: t.exposeFloat('momentum', { description: 'Momentum; 0 for none.' }),
    nesterov: t.exposeBoolean('nesterov', { description: "Whether the momentum is Nesterov's." }),
    weightDecay: t.exposeFloat('weightDecay', { description: 'L2 weight decay, added to the gradients.' }),
  }),
})
const AdamRef = builder.objectRef<Adam>('Adam').implement({
  description: 'Adam with decoupled weight decay.',
  fields: (t) => ({
    beta1: t.exposeFloat('beta1', { description: 'Decay rate of the running mean of the gradients.' }),
    beta2: t.exposeFloat('beta2', { description: 'Decay rate of the running mean of their squares.' }),
    epsilon: t.exposeFloat('epsilon', {
      description: 'Added to the square root of the mean of squares, so that nothing is divided by zero.',
    }),
    weightDecay: t.exposeFloat('weightDecay', {
      description: 'Decoupled weight decay, multiplied by the learning rate.',
    }),
  }),
})
const OptimizerUnion = builder.unionType('Optimizer', {
  description: 'The rule that changes the weights.',
  types: [SgdRef, AdamRef],
  resolveType: (it) => (it.kind === 'sgd' ? SgdRef : AdamRef),
})

const StepRef = builder.objectRef<Step>('StepSchedule').implement({
  description: 'Rate that is multiplied by gamma after every `epochs` epochs.',
  fields: (t) => ({
    epochs: t.exposeInt('epochs', { description: 'Number of epochs after which the rate is multiplied.' }),
    gamma: t.exposeFloat('gamma', { description: 'Factor that the rate is multiplied by.' }),
    offset: t.exposeInt('offset', {
      description:
        'Number of epochs by which this happens earlier; 1 is a scheduler called before each epoch.',
    }),
  }),
})
const CosineRef = builder.objectRef<Cosine>('CosineSchedule').implement({
  description: 'Half a cosine from the peak to the final rate, after a linear warm-up.',
  fields: (t) => ({
    warmupEpochs: t.exposeFloat('warmupEpochs', { description: 'Length of the warm-up in epochs.' }),
    finalLearningRate: t.exposeFloat('finalLearningRate', { description: 'Learning rate at the end.' }),
  }),
})
const OneCycleRef = builder.objectRef<OneCycle>('OneCycleSchedule').implement({
  description: 'Up to the peak and down again, both by half a cosine.',
  fields: (t) => ({
    warmupFraction: t.exposeFloat('warmupFraction', {
      description: 'Fraction of the run in which the rate goes up.',
    }),
    initialDivisor: t.exposeFloat('initialDivisor', {
      description: 'Quotient of the peak and the first rate.',
    }),
    finalDivisor: t.exposeFloat('finalDivisor', {
      description: 'Quotient of the first and the last rate.',
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
  description: 'Schedule of the learning rate over a run.',
  types: [StepRef, CosineRef, OneCycleRef, ConstantRef],
  resolveType: (it) =>
    ({ step: StepRef, cosine: CosineRef, oneCycle: OneCycleRef, constant: ConstantRef })[it.kind],
})

const ClassWeightsRef = builder.objectRef<ClassWeights>('ClassWeights').implement({
  description: 'How much an image counts in the training loss, by its class.',
  fields: (t) => ({
    balanced: t.boolean({
      description:
        'Whether the weights are images / (classes * images of the class), of the training images that are used.',
      resolve: (it) => it === 'BALANCED',
    }),
    weights: t.floatList({
      nullable: true,
      description: "The weight of each class, in the data set's order; null when they are balanced.",
      resolve: (it) => (it === 'BALANCED' ? null : it),
    }),
  }),
})

const AugmentationRef = builder.objectRef<Augmentation>('Augmentation').implement({
  description: 'Random changes of training images.',
  fields: (t) => ({
    horizontalFlip: t.exposeBoolean('horizontalFlip', {
      description: 'Whether half of the images, chosen at random, are mirrored.',
    }),
    cropPadding: t.exposeInt('cropPadding', {
      description: 'Black pixels around an image before a random crop.',
    }),
    cutout: t.exposeInt('cutout', { description: 'Edge in pixels of a square that is blanked; 0 for none.' }),
    rotation: t.exposeFloat('rotation', {
      description: 'Most degrees by which an image is turned about its centre, either way; black comes in.',
    }),
    scale: t.exposeFloat('scale', {
      description: 'How far the factor that an image is scaled by may be from 1; black comes in around it.',
    }),
    resizedCrop: t.exposeFloat('resizedCrop', {
      description:
        'Least part of the area of an image that a random crop has, which is scaled to the size of the image; 0 for no crop.',
    }),
    brightness: t.exposeFloat('brightness', {
      description: 'How far the factor that all levels are multiplied by may be from 1.',
    }),
    contrast: t.exposeFloat('contrast', {
      description: "The same for the distance of all levels from the image's mean grey.",
    }),
    saturation: t.exposeFloat('saturation', {
      description: "The same for the distance of a pixel's levels from its grey.",
    }),
    hue: t.exposeFloat('hue', {
      description: 'Most that the hues are turned by, either way, as a part of their circle.',
    }),
    erasing: t.exposeFloat('erasing', {
      description: 'Probability that a rectangle of an image, of 2 to 40 % of its area, becomes noise.',
    }),
    mixup: t.exposeFloat('mixup', {
      description:
        'Alpha of mixup: the images of a step are blended in pairs, with their labels, by a share from Beta(alpha, alpha); 0 for none.',
    }),
  }),
})

export const EarlyStoppingMetric = builder.enumType('EarlyStoppingMetric', {
  description: 'Measure that epochs are compared by.',
  values: described<(typeof EARLY_STOPPING_METRICS)[number]>({
    TEST_LOSS: 'The mean loss on the test images: lower is better.',
    TEST_ACCURACY: 'The share of test images classified correctly: higher is better.',
  }),
})
export const OnNonFinite = builder.enumType('OnNonFinite', {
  description:
    'What happens to a run whose loss or gradients are not finite: it ends as FAILED, or goes on without the updates of such steps, until an epoch has no other.',
  values: described<(typeof ON_NON_FINITE)[number]>({
    FAIL: 'The run ends as FAILED at the first such step.',
    CONTINUE: 'The run goes on without the updates of such steps; it fails when an epoch has no other.',
  }),
})
const EarlyStoppingRef = builder.objectRef<EarlyStopping>('EarlyStopping').implement({
  description:
    'Rule that ends a run when its epochs no longer get better; the run then has the weights of the best one.',
  fields: (t) => ({
    metric: t.expose('metric', {
      type: EarlyStoppingMetric,
      description: 'Measure that epochs are compared by.',
    }),
    patience: t.exposeInt('patience', {
      description: 'Number of epochs in a row that may be no better than the best.',
    }),
    minDelta: t.exposeFloat('minDelta', {
      description: 'Least difference from the best epoch that makes a better one, in the unit of the metric.',
    }),
  }),
})

export const HyperparametersRef = builder.objectRef<Hyperparameters>('Hyperparameters').implement({
  description: 'Everything that decides what a run computes, defaults filled in.',
  fields: (t) => ({
    preset: t.exposeString('preset', {
      nullable: true,
      description: 'Name of the recipe that filled in the rest.',
    }),
    epochs: t.exposeInt('epochs', { description: 'Passes over the training images.' }),
    batchSize: t.exposeInt('batchSize', { description: 'Images in a step.' }),
    optimizer: t.expose('optimizer', {
      type: OptimizerUnion,
      description: 'The rule that changes the weights.',
    }),
    learningRate: t.exposeFloat('learningRate', { description: 'The peak learning rate.' }),
    schedule: t.expose('schedule', { type: ScheduleUnion, description: 'Schedule of the learning rate.' }),
    augmentation: t.expose('augmentation', {
      type: AugmentationRef,
      description: 'Random changes of training images.',
    }),
    labelSmoothing: t.exposeFloat('labelSmoothing', {
      description: 'Label smoothing: probability spread over all classes, 0 to below 1.',
    }),
    classWeights: t.expose('classWeights', {
      type: ClassWeightsRef,
      nullable: true,
      description: 'Weights of the classes in the training loss; null for all alike.',
    }),
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
      description: 'Rule that ends the run before its last epoch; null for none.',
    }),
    onNonFinite: t.expose('onNonFinite', {
      type: OnNonFinite,
      description: 'What happens when the loss or a gradient is not finite.',
    }),
    mean: t.floatList({
      description: 'Means of R, G and B of a pixel in 0..1, which are subtracted from it.',
      resolve: ({ normalization }) => normalization.mean,
    }),
    std: t.floatList({
      description: 'Standard deviations of R, G and B, by which they are then divided.',
      resolve: ({ normalization }) => normalization.std,
    }),
  }),
})

export const HyperparameterChangeRef = builder
  .objectRef<Change & RateChange>('HyperparameterChange')
  .implement({
    description: 'Change of hyperparameters while a run was under way: what is null stayed as it was.',
    fields: (t) => ({
      step: t.exposeInt('step', {
        description: 'Number of steps done when it took effect: it counts for those after it.',
      }),
      learningRate: t.exposeFloat('learningRate', {
        nullable: true,
        description: 'New peak learning rate.',
      }),
      epochs: t.exposeInt('epochs', { nullable: true, description: 'New number of epochs in all.' }),
      schedule: t.expose('schedule', {
        type: ScheduleUnion,
        nullable: true,
        description: 'New schedule of the learning rate.',
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
