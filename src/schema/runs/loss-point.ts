import type { HistoryView as View } from '../../runs/history/attempts.ts'
import type { BucketDelta } from '../../runs/history/follow-buckets.ts'
import { MAX_LOSSES, MIN_POINTS } from '../../runs/history/history.ts'
import { type Bucket, meanOf } from '../../runs/model/buckets.ts'
import type { RunPoint } from '../../runs/model/events.ts'
import type { MeasuredEpoch } from '../../runs/model/measurements.ts'
import { builder } from '../builder/builder.ts'
import { checkRange } from '../builder/input-error.ts'

export const HistoryView = builder.enumType('HistoryView', {
  description: 'Which past of a run is shown, when it went on from a checkpoint and trained steps again.',
  values: {
    EFFECTIVE: { description: 'Each step once, as the newest attempt that trained it did.' },
    RAW: { description: 'Everything that every attempt trained.' },
  } satisfies Record<View, { description: string }>,
})

/** @throws a GraphQLError that names the argument */
export function checkMaxPoints(field: string, maxPoints: number): void {
  checkRange(`${field}: maxPoints`, maxPoints, MIN_POINTS, MAX_LOSSES)
}

export const LossPointRef = builder.objectRef<RunPoint>('LossPoint').implement({
  description: 'The mean loss over `logEvery` steps.',
  fields: (t) => ({
    step: t.exposeInt('step', { description: 'Number of the last of these steps, from 1.' }),
    epoch: t.exposeFloat('epoch', {
      description: 'Number of epochs done, with the fraction of the present one.',
    }),
    loss: t.exposeFloat('loss', {
      nullable: true,
      description: 'Cross-entropy in nats; null when it is not finite.',
    }),
    nonFinite: t.exposeString('nonFinite', {
      nullable: true,
      description: 'What the loss was when it is null: NaN, Infinity or -Infinity.',
    }),
    layer: t.exposeString('layer', {
      nullable: true,
      description:
        'The layer whose gradient was not finite first, on its way from the loss, at the first of these steps where one was not; null for none. Its loss may be finite.',
    }),
    learningRate: t.exposeFloat('learningRate', { description: 'Learning rate of the last of these steps.' }),
    imagesPerSecond: t.exposeFloat('imagesPerSecond', {
      description: 'Training speed over these steps, in images per second.',
    }),
    at: t.expose('at', { type: 'DateTime', description: 'When the last of these steps was done.' }),
    attempt: t.exposeInt('attempt', {
      description: 'Number of the attempt (start of the trainer) that trained these steps.',
    }),
  }),
})

export const EpochSummaryRef = builder
  .objectRef<MeasuredEpoch & { attempt: number }>('EpochSummary')
  .implement({
    description: 'Measurements of one epoch.',
    fields: (t) => ({
      epoch: t.exposeInt('epoch', { description: 'Number of the epoch, from 1.' }),
      trainLoss: t.exposeFloat('trainLoss', {
        nullable: true,
        description: 'Mean loss over the steps of the epoch, in nats; null when it is not finite.',
      }),
      trainAccuracy: t.exposeFloat('trainAccuracy', {
        nullable: true,
        description:
          'Fraction of the training images that were right when they were trained on, 0 to 1; null when `trainLoss` is.',
      }),
      testLoss: t.exposeFloat('testLoss', {
        nullable: true,
        description:
          'Mean cross-entropy on the test images after the epoch, in nats; null when the network said NaN or an infinite number of one of them.',
      }),
      testAccuracy: t.exposeFloat('testAccuracy', {
        nullable: true,
        description:
          'Fraction of the test images that are right after the epoch, 0 to 1; null when `testLoss` is.',
      }),
      seconds: t.exposeFloat('seconds', { description: 'Seconds that training and testing took together.' }),
      attempt: t.exposeInt('attempt', {
        description: 'Number of the attempt (start of the trainer) that trained it.',
      }),
    }),
  })

const LossBucketRef = builder.objectRef<Bucket<RunPoint> & { bucketSteps: number }>('LossBucket').implement({
  description: 'The loss points of some steps, thinned to those that a chart must not lose.',
  fields: (t) => ({
    firstStep: t.int({
      description: 'First step of the bucket.',
      resolve: ({ index, bucketSteps }) => index * bucketSteps + 1,
    }),
    lastStep: t.int({
      description: 'Last step of the bucket; the run may not have got so far yet.',
      resolve: ({ index, bucketSteps }) => (index + 1) * bucketSteps,
    }),
    count: t.exposeInt('count', { description: 'Number of loss points before thinning.' }),
    mean: t.float({
      nullable: true,
      description: 'Mean of the finite losses; null when none is finite.',
      resolve: meanOf,
    }),
    min: t.expose('min', {
      type: LossPointRef,
      nullable: true,
      description: 'The least loss, and of equal ones the first; null when none is finite.',
    }),
    max: t.expose('max', {
      type: LossPointRef,
      nullable: true,
      description: 'The greatest loss, and of equal ones the first; null when none is finite.',
    }),
    last: t.expose('last', { type: LossPointRef, description: 'The newest point.' }),
    nonFinite: t.expose('nonFinite', {
      type: LossPointRef,
      nullable: true,
      description: 'The first point whose loss is not finite; null when there is none.',
    }),
  }),
})

export const LossBucketsRef = builder.objectRef<BucketDelta>('LossBuckets').implement({
  description: 'Change of a thinned loss history.',
  fields: (t) => ({
    reset: t.exposeBoolean('reset', {
      description:
        'True: forget the buckets that you have, these are all there are. False: each replaces the one with its firstStep, or is new.',
    }),
    bucketSteps: t.exposeInt('bucketSteps', { description: 'Steps in each bucket: a power of two.' }),
    buckets: t.field({
      type: [LossBucketRef],
      description: 'Buckets that are new or replaced, by step.',
      complexity: { multiplier: 1 },
      resolve: ({ buckets, bucketSteps }) => buckets.map((bucket) => ({ ...bucket, bucketSteps })),
    }),
  }),
})
