import { ConflictError, NotFoundError, OverloadedError, ValidationError } from '../../errors.ts'
import { builder } from '../builder/builder.ts'
import type { Context } from '../builder/context.ts'
import { resultOf } from '../builder/errors.ts'
import { ScheduleInput, toSchedule } from './start-training-run-input.ts'
import { TrainingRunRef } from './training-run.ts'

const UpdateTrainingRunInput = builder.inputType('UpdateTrainingRunInput', {
  description: 'What to change; what is left out stays as it is.',
  fields: (t) => ({
    learningRate: t.float({ description: 'New peak learning rate.' }),
    schedule: t.field({ type: ScheduleInput, description: 'New schedule of the learning rate.' }),
    epochs: t.int({
      description: 'New number of epochs in all. More of them take up a COMPLETED run again.',
    }),
    continueFromLastRate: t.boolean({
      required: true,
      defaultValue: false,
      description:
        'True: the learning rate goes on from that of the last step, without a jump or another warm-up, and comes to the end of the schedule with the run. False: it is what the schedule of a run of so many epochs has at this step, which is far above the last one where a cosine or one-cycle schedule had come down. Not with learningRate.',
    }),
  }),
})

const KEY = 'Key of the request: sent again with the same key, it is done once. Send it again when in doubt.'

const changesRun = ({ id }: { id: { id: string } }, { runs }: Context) => runs.ownerOf(id.id)

/** The key belongs to who asks. */
const by = ({ viewer, traceparent }: Context, key: string | null | undefined) => ({
  ownerId: viewer.id,
  key: key ?? undefined,
  traceparent,
})

builder.mutationFields((t) => {
  const id = t.arg.globalID({ for: TrainingRunRef, required: true, description: 'Id of the run.' })
  const idempotencyKey = t.arg.string({ description: KEY })
  const errorsOf = (name: string, description: string) => {
    // Those that may put the run into the queue need room there.
    const queueing = name === 'Resume' || name === 'Update' ? [OverloadedError] : []
    const types = [NotFoundError, ConflictError, ValidationError, ...queueing]
    return resultOf(`${name}TrainingRun`, types, description)
  }
  const plain = (control: 'PAUSE' | 'RESUME' | 'CANCEL', name: string, result: string, description: string) =>
    t.field({
      type: TrainingRunRef,
      authScopes: { role: 'OPERATOR' },
      changes: changesRun,
      errors: errorsOf(name, result),
      description,
      args: { id, idempotencyKey },
      resolve: (_root, args, context) =>
        context.runs.control(args.id.id, { control }, by(context, args.idempotencyKey)),
    })
  return {
    pauseTrainingRun: plain(
      'PAUSE',
      'Pause',
      'The PAUSED run, or why it was not paused.',
      'Stops a run after its present step, saves a checkpoint, frees the engine, and answers when that is done. A queued run waits until it is resumed.',
    ),
    resumeTrainingRun: plain(
      'RESUME',
      'Resume',
      'The QUEUED run, or why it was not resumed.',
      'Puts a PAUSED run back into the queue, or one that FAILED: it goes on from its newest checkpoint, with the losses and weights that it would have had.',
    ),
    cancelTrainingRun: plain(
      'CANCEL',
      'Cancel',
      'The CANCELLED run, or why it was not cancelled.',
      'Stops a run for good: one that is at work within one step. Answers when it has stopped. It keeps its checkpoints.',
    ),
    updateTrainingRun: t.field({
      type: TrainingRunRef,
      authScopes: { role: 'OPERATOR' },
      changes: changesRun,
      errors: errorsOf('Update', 'The changed run, or why it was not changed.'),
      description:
        'Changes the learning rate, the schedule or the number of epochs of a run, and answers when that has taken effect: `changes` and the ControlApplied event say at which step, and which learning rate it had before (`rateBefore`) and has after it (`rateAfter`). A COMPLETED run with more epochs goes on.',
      args: {
        id,
        input: t.arg({ type: UpdateTrainingRunInput, required: true, description: 'What to change.' }),
        idempotencyKey,
      },
      resolve: (_root, { input, ...args }, context) =>
        context.runs.control(
          args.id.id,
          {
            control: 'UPDATE',
            values: {
              learningRate: input.learningRate ?? undefined,
              epochs: input.epochs ?? undefined,
              schedule: toSchedule(input.schedule),
              continueFromLastRate: input.continueFromLastRate,
            },
          },
          by(context, args.idempotencyKey),
        ),
    }),
    moveTrainingRun: t.field({
      type: TrainingRunRef,
      authScopes: { role: 'OPERATOR' },
      changes: changesRun,
      errors: errorsOf('Move', 'The run at its new place in the queue, or why it was not moved.'),
      description: 'Gives a QUEUED run another place in the queue.',
      args: {
        id,
        position: t.arg.int({
          description:
            'New position: 1 is the next to leave the queue. The run takes the priority of the one that was there.',
        }),
        priority: t.arg.int({ description: 'New priority: runs with higher ones leave the queue first.' }),
        idempotencyKey,
      },
      resolve: (_root, { position, priority, ...args }, context) =>
        context.runs.control(
          args.id.id,
          { control: 'MOVE', position: position ?? undefined, priority: priority ?? undefined },
          by(context, args.idempotencyKey),
        ),
    }),
  }
})
