import type { StartRunInput } from '../../runs/lifecycle/wanted-run.ts'
import type { Freeze } from '../../zoo/transfer.ts'
import { builder } from '../builder/builder.ts'
import { ModelVersionRef } from '../models/model.ts'
import { CheckpointRef } from './checkpoint.ts'
import { FrozenPartEnum, TransferHead } from './transfer.ts'

export const FreezeInput = builder.inputType('FreezeInput', {
  description: 'Exactly one way to say which layers are frozen.',
  isOneOf: true,
  fields: (t) => ({
    part: t.field({ type: FrozenPartEnum, description: 'A part of the network by its name.' }),
    upTo: t.string({
      description:
        "Name of the last layer that is frozen, such as features.16 or classifier.3: Architecture.layers has them. The network's last layer is always trained.",
    }),
  }),
})

export const TransferInput = builder.inputType('TransferInput', {
  description: 'How a run begins with the weights of another one, or with imported ones.',
  fields: (t) => ({
    from: t.globalID({
      for: [ModelVersionRef, CheckpointRef],
      required: true,
      description:
        'Id of a ModelVersion or a Checkpoint whose network has the same convolutional part; its pictures, classes and classifier may be others.',
    }),
    freeze: t.field({
      type: FreezeInput,
      description:
        'Layers that are not trained: they compute as in prediction, batch norms by the statistics that they have. When left out, those of the run that made the weights if the head is kept (a fork of a run that froze some goes on with these frozen), else NONE. Without augmentation, what they make of each picture is computed once.',
    }),
    head: t.field({
      type: TransferHead,
      description:
        'What becomes of the last classifier layer: KEEP where the classes are the same, and NEW where not, when left out.',
    }),
    headLearningRate: t.float({
      description:
        'Peak learning rate of the layers that are drawn anew, or that were to the run that made the weights if the head is kept; null: learningRate. When left out it is as `freeze`. The schedule scales both.',
    }),
  }),
})

export function toTransfer(
  input: typeof TransferInput.$inferInput | null | undefined,
): StartRunInput['transfer'] {
  if (input == null) return undefined
  const { from, freeze, head, headLearningRate } = input
  return {
    from: from.typename === 'Checkpoint' ? { checkpointId: from.id } : { versionId: from.id },
    freeze: toFreeze(freeze),
    head: head ?? undefined,
    headLearningRate,
  }
}

export function toFreeze(input: typeof FreezeInput.$inferInput | null | undefined): Freeze | undefined {
  if (input?.upTo != null) return { upTo: input.upTo }
  return input?.part ?? undefined
}
