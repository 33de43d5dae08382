import { ConflictError, NotFoundError, OverloadedError, ValidationError } from '../../errors.ts'
import { MAX_LOSSES, MIN_POINTS } from '../../runs/history/history.ts'
import type { DeletedRun } from '../../runs/history/streams.ts'
import { builder } from '../builder/builder.ts'
import { resultOf, throwCoded } from '../builder/errors.ts'
import { badInput } from '../builder/input-error.ts'
import { TOLD_AS_VALUES } from '../builder/told-as-values.ts'
import { checkMaxPoints, LossBucketsRef, LossPointRef } from './loss-point.ts'
import { TrainingRunEvent } from './run-event.ts'
import { StartTrainingRunInput, toStartRunInput } from './start-training-run-input.ts'
import { RunStatusEnum, TrainingRunChange, TrainingRunRef } from './training-run.ts'

/** About as many as a chart has pixels. */
const DEFAULT_POINTS = 1000

builder.queryFields((t) => ({
  trainingRun: t.prismaField({
    type: TrainingRunRef,
    authScopes: { role: 'VIEWER' },
    nullable: true,
    description: 'A run by its id or by its number; null when there is none.',
    args: {
      id: t.arg.globalID({ for: TrainingRunRef, description: 'Id of the run.' }),
      number: t.arg.int({ description: 'Instead of `id`: number of the run.' }),
    },
    resolve: (query, _root, { id, number }, { runs }) => {
      if ((id == null) === (number == null)) throw badInput('trainingRun: id or number, and not both.')
      return runs.find({ ...query, where: id != null ? { id: id.id } : { number: number! } })
    },
  }),
}))

builder.mutationFields((t) => ({
  startTrainingRun: t.field({
    type: TrainingRunRef,
    authScopes: { role: 'OPERATOR' },
    changes: null,
    errors: resultOf(
      'StartTrainingRun',
      [ValidationError, ConflictError, OverloadedError],
      'The queued run, or why it was not started.',
    ),
    description:
      'Queues a training run and answers at once. Watch it with trainingRunEvents or trainingLoss.',
    args: { input: t.arg({ type: StartTrainingRunInput, required: true, description: 'What to train.' }) },
    resolve: (_root, { input }, { runs, viewer, traceparent }) =>
      runs.start({ ...toStartRunInput(input), ownerId: viewer.id, traceparent }),
  }),
  renameTrainingRun: t.field({
    type: TrainingRunRef,
    authScopes: { role: 'OPERATOR' },
    changes: ({ id }, { runs }) => runs.ownerOf(id.id),
    errors: resultOf(
      'RenameTrainingRun',
      [NotFoundError, ValidationError],
      'The run with its new name and notes, or why it has them not.',
    ),
    description:
      'Gives a run another name, other notes or both, whatever its status; what is left out stays as it is. Who watches trainingRunsChanged hears of it; it is no event of the run.',
    args: {
      id: t.arg.globalID({ for: TrainingRunRef, required: true, description: 'Its id.' }),
      name: t.arg.string({ description: 'As in startTrainingRun.' }),
      notes: t.arg.string({ description: 'As in startTrainingRun; "" for none.' }),
    },
    resolve: (_root, { id, name, notes }, { runs }) =>
      runs.rename(id.id, { name: name ?? undefined, notes: notes ?? undefined }),
  }),
  deleteTrainingRun: t.field({
    type: TrainingRunRef,
    authScopes: { role: 'ADMIN' },
    errors: resultOf(
      'DeleteTrainingRun',
      [NotFoundError, ConflictError],
      'The run as it was, or why it was not deleted.',
    ),
    description:
      'Deletes a run that has ended, with its journal, its output, its checkpoints and their files. Model versions made of it stay.',
    args: { id: t.arg.globalID({ for: TrainingRunRef, required: true, description: 'Id of the run.' }) },
    resolve: (_root, { id }, { runs }) => runs.delete(id.id),
  }),
}))

builder.objectRef<{ run: DeletedRun }>('TrainingRunDeleted').implement({
  description: 'A run that was deleted: its id leads to nothing any more.',
  interfaces: [TrainingRunChange],
  fields: (t) => ({
    id: t.globalID({
      description: 'The id that it had.',
      resolve: ({ run }) => ({ type: TrainingRunRef, id: run.id }),
    }),
    number: t.int({ description: 'The number that it had.', resolve: ({ run }) => run.number }),
    name: t.string({ description: 'The name that it had.', resolve: ({ run }) => run.name }),
    status: t.field({
      type: RunStatusEnum,
      description: 'The lifecycle state that it had.',
      resolve: ({ run }) => run.status,
    }),
  }),
})

builder.subscriptionFields((t) => ({
  trainingRunEvents: t.field({
    type: TrainingRunEvent,
    authScopes: { role: 'VIEWER' },
    description:
      'Everything that happens in a run, each event once and in order, beginning with what already happened. It completes when the run has ended.',
    args: {
      id: t.arg.globalID({ for: TrainingRunRef, required: true, description: 'Id of the run.' }),
      after: t.arg({
        type: 'Cursor',
        description:
          'Only what came after this event: pass the cursor of the last one you got to reconnect without a gap.',
      }),
    },
    subscribe: (_root, { id, after }, { runs }) => runs.follow(id.id, after ?? 0).catch(throwCoded),
    resolve: (event) => event,
    extensions: TOLD_AS_VALUES,
  }),
  trainingLoss: t.field({
    type: LossPointRef,
    authScopes: { role: 'VIEWER' },
    description:
      'The loss of a run, point by point as it was trained, beginning with what it already has. When the run goes on from a checkpoint, its steps behind that are trained again: they come again, with a higher `attempt`, and replace the earlier ones. It completes when the run has ended.',
    args: {
      id: t.arg.globalID({ for: TrainingRunRef, required: true, description: 'Id of the run.' }),
      afterStep: t.arg.int({
        description:
          'To reconnect, the step of the last point you got: you get what came behind it in the run, also steps before it that were trained again since.',
      }),
      afterAttempt: t.arg.int({
        description:
          'The attempt of that point: then you get no point twice. Left out, it is the first attempt that got to `afterStep`, and points of later ones may come again.',
      }),
    },
    subscribe: (_root, { id, afterStep, afterAttempt }, { runs }) =>
      runs.followLoss(id.id, afterStep ?? 0, afterAttempt ?? undefined).catch(throwCoded),
    resolve: (point) => point,
    extensions: TOLD_AS_VALUES,
  }),
  trainingLossBuckets: t.field({
    type: LossBucketsRef,
    authScopes: { role: 'VIEWER' },
    description:
      'The effective loss history of a run thinned to `maxPoints`, and how it grows: first all buckets, then each that changes. They are those of `losses(maxPoints)`. When the points get too many the buckets become twice as wide, and when the run goes on from a checkpoint the steps behind that are gone: both times all come anew, with `reset`. It completes when the run has ended.',
    args: {
      id: t.arg.globalID({ for: TrainingRunRef, required: true, description: 'Id of the run.' }),
      maxPoints: t.arg.int({
        defaultValue: DEFAULT_POINTS,
        description: `Number of points in all buckets together at most, ${MIN_POINTS} to ${MAX_LOSSES}.`,
      }),
    },
    subscribe: async (_root, { id, maxPoints }, { runs }) => {
      checkMaxPoints('trainingLossBuckets', maxPoints ?? DEFAULT_POINTS)
      return runs.followBuckets(id.id, maxPoints ?? DEFAULT_POINTS).catch(throwCoded)
    },
    resolve: (change) => change,
    extensions: TOLD_AS_VALUES,
  }),
  trainingRunsChanged: t.field({
    type: TrainingRunChange,
    authScopes: { role: 'VIEWER' },
    description:
      'Every run as it is after each change: started, a step further, renamed, ended; and at last that it was deleted, which nobody misses. A slow reader gets the newest state only. It goes on until you leave it.',
    subscribe: (_root, _args, { runs }) => runs.followRuns(),
    resolve: ({ kind, run }) => (kind === 'deleted' ? { run } : run),
    extensions: TOLD_AS_VALUES,
  }),
}))
