import type { CheckpointPolicy } from '../../runs/model/checkpoint.ts'
import { builder } from '../builder/builder.ts'

export const CheckpointPolicyRef = builder.objectRef<CheckpointPolicy>('CheckpointPolicy').implement({
  description:
    'When a run saves checkpoints beside the ends of its epochs, and which are kept beside those that a model version was made of. Where epochs take less time than saving does, as with frozen layers and few pictures, the end of an epoch is saved if it is the best so far or the last, and else now and then.',
  fields: (t) => ({
    keepBest: t.exposeInt('keepBest', {
      description: 'Number of checkpoints kept for their test accuracy: the highest that are finite.',
    }),
    keepLatest: t.exposeInt('keepLatest', {
      description: 'Number of newest checkpoints kept, of those at ends of epochs whose test was finite.',
    }),
    everySteps: t.exposeInt('everySteps', {
      nullable: true,
      description: 'Steps between two checkpoints; null for no such rule.',
    }),
    everySeconds: t.exposeInt('everySeconds', {
      nullable: true,
      description: 'Seconds between two checkpoints; null for no such rule.',
    }),
  }),
})

export const CheckpointRef = builder.prismaNode('Checkpoint', {
  nullable: true,
  description:
    'Weights that a run saved on its way, with the test of them if it was for the end of an epoch.',
  id: { field: 'id', description: 'Global id.' },
  fields: (t) => ({
    run: t.relation('run', {
      description: 'The run that saved it.',
      resolve: (query, { runId }, _args, { runs }) => runs.get({ ...query, where: { id: runId } }),
    }),
    attempt: t.exposeInt('attempt', {
      description: 'Number of the attempt (start of the trainer) that saved it.',
    }),
    step: t.exposeInt('step', { description: 'Number of steps trained.' }),
    epoch: t.exposeInt('epoch', { description: 'Number of epochs trained.' }),
    testLoss: t.exposeFloat('testLoss', {
      nullable: true,
      description:
        'Mean cross-entropy on the test images in nats; null when the network said NaN or an infinite number of one of them, and of one that was saved for the run to go on from: in the midst of an epoch, or for the time alone.',
    }),
    testAccuracy: t.exposeFloat('testAccuracy', {
      nullable: true,
      description: 'Fraction of the test images that are right, 0 to 1; null when `testLoss` is.',
    }),
    bytes: t.float({
      description: 'Size of its safetensors file in bytes.',
      resolve: ({ bytes }) => Number(bytes),
    }),
    digest: t.exposeString('digest', { description: 'SHA-256 of its safetensors file, in hexadecimal.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was saved.' }),
    modelVersions: t.relation('modelVersions', {
      query: { orderBy: { seq: 'desc' } },
      description: 'Model versions made of it, newest first.',
      resolve: (query, { id: checkpointId }, _args, { models }) =>
        models.listVersions({ ...query, where: { checkpointId } }),
    }),
  }),
})
