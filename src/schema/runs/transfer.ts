import type { Transfer } from '../../runs/model/transfer.ts'
import type { HEADS } from '../../zoo/transfer.ts'
import { builder } from '../builder/builder.ts'

export const FrozenPartEnum = builder.enumType('FrozenPart', {
  description: 'A part of a network that may be frozen.',
  values: {
    NONE: { description: 'No layer.' },
    FEATURES: { description: 'All of the convolutional part: all layers before the classifier.' },
  } as const,
})

export const TransferHead = builder.enumType('TransferHead', {
  description: 'What becomes of the last classifier layer of a network whose weights a run begins with.',
  values: {
    KEEP: { description: 'It stays, for the same classes.' },
    NEW: {
      description:
        'It is drawn by the seed, for the classes of the data set; so is the whole classifier where it is given another number of features than it was trained for.',
    },
  } satisfies Record<(typeof HEADS)[number], { description: string }>,
})

export const TransferRef = builder.objectRef<Transfer & { digest: string }>('Transfer').implement({
  description: 'How a run treats the weights that it began with.',
  fields: (t) => ({
    digest: t.exposeString('digest', {
      description: 'sha256 of these weights, in hexadecimal; `parent` is the run that made them.',
    }),
    head: t.expose('head', { type: TransferHead, description: 'What became of the last classifier layer.' }),
    frozenLayers: t.exposeStringList('frozenLayers', {
      description: 'Names of the layers with weights that are not trained, in order; none where all are.',
    }),
    newLayers: t.exposeStringList('newLayers', {
      description: 'Names of the layers that were drawn anew.',
    }),
    headLearningRate: t.exposeFloat('headLearningRate', {
      nullable: true,
      description: 'Peak learning rate of `headLayers`; null where it is that of the others.',
    }),
    headLayers: t.exposeStringList('headLayers', {
      description:
        'Names of the layers that `headLearningRate` is of: those that were drawn anew, by this run or by the one that it is a fork of.',
    }),
  }),
})
