import type { RunPoint } from '../runs/events.ts'
import type { TrainerEpoch } from '../runs/trainer/protocol.ts'
import { builder } from './builder.ts'

export const LossPointRef = builder.objectRef<RunPoint>('LossPoint').implement({
  description: 'The mean loss over `logEvery` steps.',
  fields: (t) => ({
    step: t.exposeInt('step', { description: 'Steps done, from 1.' }),
    epoch: t.exposeFloat('epoch', { description: 'Epochs done, with the fraction of the present one.' }),
    loss: t.exposeFloat('loss', {
      nullable: true,
      description: 'Cross-entropy in nats; null when it is not finite.',
    }),
    nonFinite: t.exposeString('nonFinite', {
      nullable: true,
      description: 'What the loss was when it is null: NaN, Infinity or -Infinity.',
    }),
    learningRate: t.exposeFloat('learningRate', { description: 'The rate of the last of these steps.' }),
    imagesPerSecond: t.exposeFloat('imagesPerSecond', { description: 'Speed over these steps.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When the last of these steps was done.' }),
    attempt: t.exposeInt('attempt', { description: 'Which start of the trainer made it.' }),
  }),
})

export const EpochSummaryRef = builder.objectRef<TrainerEpoch>('EpochSummary').implement({
  description: 'What one epoch came to.',
  fields: (t) => ({
    epoch: t.exposeInt('epoch', { description: 'From 1.' }),
    trainLoss: t.exposeFloat('trainLoss', {
      nullable: true,
      description: 'Mean over the steps of the epoch; null when it is not finite.',
    }),
    trainAccuracy: t.exposeFloat('trainAccuracy', {
      nullable: true,
      description: 'Fraction of the training images that were right when they were trained on.',
    }),
    testLoss: t.exposeFloat('testLoss', {
      nullable: true,
      description: 'On the test images after the epoch; null when it is not finite.',
    }),
    testAccuracy: t.exposeFloat('testAccuracy', {
      nullable: true,
      description: 'Fraction of the test images that are right after the epoch.',
    }),
    seconds: t.exposeFloat('seconds', { description: 'Training and testing together.' }),
  }),
})
