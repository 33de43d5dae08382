import type { Lagged, RunEvent } from '../../runs/model/events.ts'
import type { CONTROLS } from '../../runs/model/status.ts'
import { builder } from '../builder/builder.ts'
import { described } from '../builder/described.ts'
import { datasetOf } from '../data/dataset.ts'
import { HyperparameterChangeRef } from './hyperparameters.ts'
import { EpochSummaryRef, LossPointRef } from './loss-point.ts'
import { PinnedPredictionRef } from './pinned.ts'
import { RunFailureRef, RunStatusEnum, TrainingRunRef } from './training-run.ts'

type Of<Kind extends RunEvent['kind']> = Extract<RunEvent, { kind: Kind }>

const RunEventInterface = builder.interfaceRef<{ seq: number; at: Date }>('RunEvent').implement({
  description: "An entry of a run's journal, the ordered log of its events.",
  fields: (t) => ({
    cursor: t.field({
      type: 'Cursor',
      description: 'Pass it as `after` to go on behind this event.',
      resolve: ({ seq }) => seq,
    }),
    at: t.expose('at', { type: 'DateTime', description: 'When it was written.' }),
  }),
})

const LossPoints = builder.objectRef<Of<'LOSS_POINTS'>>('LossPoints').implement({
  description: 'New loss points.',
  interfaces: [RunEventInterface],
  fields: (t) => ({
    points: t.expose('points', {
      type: [LossPointRef],
      description: 'By step.',
      complexity: { multiplier: 1 },
    }),
  }),
})
const EpochEnded = builder.objectRef<Of<'EPOCH_ENDED'>>('EpochEnded').implement({
  description: 'An epoch was trained and tested.',
  interfaces: [RunEventInterface],
  fields: (t) => ({
    summary: t.field({
      type: EpochSummaryRef,
      description: 'Measurements of the epoch.',
      resolve: ({ summary, attempt }) => ({ ...summary, attempt }),
    }),
    pinned: t.field({
      type: [PinnedPredictionRef],
      description: 'Predictions of the pinned pictures now, in the order in which they were pinned.',
      complexity: { field: 1, multiplier: 8 },
      resolve: ({ pinned }, _args, { datasets }) => {
        if (pinned === undefined) return []
        const { classes } = datasetOf(datasets, pinned.dataset).facts
        return pinned.pictures.map((picture) => ({ ...picture, classes }))
      },
    }),
  }),
})
const StatusChanged = builder.objectRef<Of<'STATUS_CHANGED'>>('StatusChanged').implement({
  description:
    'The run went to another status. COMPLETED, CANCELLED and FAILED end the stream, unless the run was taken up again since.',
  interfaces: [RunEventInterface],
  fields: (t) => ({
    status: t.expose('status', { type: RunStatusEnum, description: 'Status that it has now.' }),
    failure: t.expose('failure', {
      type: RunFailureRef,
      nullable: true,
      description: 'Why it FAILED, or why it was interrupted and is QUEUED again.',
    }),
    step: t.exposeInt('step', {
      description:
        'Number of steps done. A RUNNING run trains the steps after it: what an earlier attempt did there counts no more.',
    }),
    attempt: t.exposeInt('attempt', { description: 'Number of the attempt (start of the trainer).' }),
  }),
})

builder.objectField(TrainingRunRef, 'statusChanges', (t) =>
  t.field({
    type: [StatusChanged],
    description:
      'Each status that it went to, in order: when it was paused, why it was interrupted, where it went on.',
    complexity: { field: 5, multiplier: 1 },
    resolve: ({ id }, _args, { runs }) => runs.statusChanges(id),
  }),
)

const ControlEnum = builder.enumType('Control', {
  description: 'Control of a run: what a person asked for.',
  values: described<(typeof CONTROLS)[number]>({
    PAUSE: 'Training was stopped, to be resumed later.',
    RESUME: 'Training was to go on from the last checkpoint.',
    CANCEL: 'The run was ended for good.',
    UPDATE: 'Hyperparameters were changed for the steps still to come.',
    MOVE: 'The run was given another place in the queue.',
  }),
})
const ControlApplied = builder.objectRef<Of<'CONTROL_APPLIED'>>('ControlApplied').implement({
  description: 'What a person asked for was done: by the trainer where one is at work, else by the server.',
  interfaces: [RunEventInterface],
  fields: (t) => ({
    control: t.expose('control', { type: ControlEnum, description: 'Control that was applied.' }),
    step: t.exposeInt('step', { description: 'Number of steps done when it took effect.' }),
    change: t.expose('change', {
      type: HyperparameterChangeRef,
      nullable: true,
      description: 'Change of hyperparameters that UPDATE made; null for other controls.',
    }),
  }),
})
const CheckpointSaved = builder.objectRef<Of<'CHECKPOINT_SAVED'>>('CheckpointSaved').implement({
  description: 'A checkpoint was saved: its weights are safe on disk.',
  interfaces: [RunEventInterface],
  fields: (t) => ({
    step: t.exposeInt('step', { description: 'Number of steps done when it was saved.' }),
    digest: t.exposeString('digest', { description: 'SHA-256 of the file, in hexadecimal.' }),
    bytes: t.exposeFloat('bytes', { description: 'Size of the file in bytes.' }),
  }),
})
const LaggedRef = builder.objectRef<Lagged>('Lagged').implement({
  description:
    'Notice that you read slower than the run writes, and your buffer overflowed. The events from..to follow from the journal: nothing is lost.',
  interfaces: [RunEventInterface],
  fields: (t) => ({
    from: t.exposeInt('from', { description: 'Number of the first event that did not fit.' }),
    to: t.exposeInt('to', { description: 'Number of the newest event now.' }),
  }),
})

const MEMBERS = {
  LOSS_POINTS: LossPoints,
  EPOCH_ENDED: EpochEnded,
  STATUS_CHANGED: StatusChanged,
  CONTROL_APPLIED: ControlApplied,
  CHECKPOINT_SAVED: CheckpointSaved,
  LAGGED: LaggedRef,
} as const

export const TrainingRunEvent = builder.unionType('TrainingRunEvent', {
  description: 'What can happen in a run.',
  types: Object.values(MEMBERS),
  resolveType: (event) => MEMBERS[event.kind],
})
