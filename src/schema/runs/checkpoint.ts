import type { CheckpointPolicy } from '../../runs/model/checkpoint.ts'
import { builder } from '../builder/builder.ts'

export const CheckpointPolicyRef = builder.objectRef<CheckpointPolicy>('CheckpointPolicy').implement({
  description:
    'When a run saves checkpoints beside the ends of its epochs, and which are kept beside those that a model version was made of.',
  fields: (t) => ({
    keepBest: t.exposeInt('keepBest', {
      description: 'So many of the highest test accuracy, if it is finite.',
    }),
    keepLatest: t.exposeInt('keepLatest', {
      description: "So many of the newest of epochs' ends whose test was finite.",
    }),
    everySteps: t.exposeInt('everySteps', {
      nullable: true,
      description: 'Steps between two; null for no such rule.',
    }),
    everySeconds: t.exposeInt('everySeconds', {
      nullable: true,
      description: 'Seconds between two; null for no such rule.',
    }),
  }),
})

export const CheckpointRef = builder.prismaNode('Checkpoint', {
  nullable: true,
  description: 'What a run saved on its way.',
  id: { field: 'id', description: 'Global id.' },
  fields: (t) => ({
    run: t.relation('run', {
      description: 'The run that saved it.',
      resolve: (query, { runId }, _args, { runs }) => runs.get({ ...query, where: { id: runId } }),
    }),
    attempt: t.exposeInt('attempt', { description: 'Which start of its trainer.' }),
    step: t.exposeInt('step', { description: 'Steps trained.' }),
    epoch: t.exposeInt('epoch', { description: 'Epochs trained.' }),
    testLoss: t.exposeFloat('testLoss', {
      nullable: true,
      description:
        'Mean cross-entropy on the test images in nats; null when the network said NaN or an infinite number of one of them, and in the midst of an epoch.',
    }),
    testAccuracy: t.exposeFloat('testAccuracy', {
      nullable: true,
      description: 'On the test images; null when `testLoss` is.',
    }),
    bytes: t.float({ description: 'Size of its safetensors file.', resolve: ({ bytes }) => Number(bytes) }),
    digest: t.exposeString('digest', { description: 'sha256 of that file.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was saved.' }),
    modelVersions: t.relation('modelVersions', {
      query: { orderBy: { seq: 'desc' } },
      description: 'What was made of it, newest first.',
      resolve: (query, { id: checkpointId }, _args, { models }) =>
        models.listVersions({ ...query, where: { checkpointId } }),
    }),
  }),
})
