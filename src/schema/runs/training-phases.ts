import type { PhaseSeconds } from '../../runs/model/phases.ts'
import { builder } from '../builder/builder.ts'

export const TrainingPhasesRef = builder.objectRef<PhaseSeconds>('TrainingPhases').implement({
  description: 'What the time of a run was spent on, in seconds.',
  fields: (t) => ({
    frozenLayers: t.exposeFloat('frozenLayers', {
      description:
        'Computing, once, what frozen layers make of the pictures, before the first step; 0 where that is not kept.',
    }),
    data: t.exposeFloat('data', { description: 'Making batches: gathering, augmenting and normalising.' }),
    forwardBackward: t.exposeFloat('forwardBackward', {
      description:
        'The forward and the backward pass. A GPU computes while the processor goes on: there it is the time to ask for them.',
    }),
    optimizer: t.exposeFloat('optimizer', {
      description:
        'From the gradients to the result of the step: the update of the weights, and on a GPU all that it had not computed yet.',
    }),
    evaluation: t.exposeFloat('evaluation', { description: 'Testing after each epoch.' }),
    saving: t.exposeFloat('saving', { description: 'Writing checkpoints.' }),
  }),
})
