import type { Lagged, RunEvent } from '../runs/events.ts'
import { builder } from './builder.ts'
import { EpochSummaryRef, LossPointRef } from './loss-point.ts'
import { RunFailureRef, RunStatusEnum } from './training-run.ts'

type Of<Kind extends RunEvent['kind']> = Extract<RunEvent, { kind: Kind }>

const RunEventInterface = builder.interfaceRef<{ seq: number; at: Date }>('RunEvent').implement({
  description: 'One entry of the log of a run.',
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
      description: 'What it came to.',
      resolve: ({ summary, attempt }) => ({ ...summary, attempt }),
    }),
  }),
})
const StatusChanged = builder.objectRef<Of<'STATUS_CHANGED'>>('StatusChanged').implement({
  description: 'The run went to another status. COMPLETED, CANCELLED and FAILED end the stream.',
  interfaces: [RunEventInterface],
  fields: (t) => ({
    status: t.expose('status', { type: RunStatusEnum, description: 'Where it is now.' }),
    failure: t.expose('failure', { type: RunFailureRef, nullable: true, description: 'Why it FAILED.' }),
  }),
})
const Control = builder.enumType('Control', {
  description: 'What a person did to a run.',
  values: ['CANCEL'] as const,
})
const ControlApplied = builder.objectRef<Of<'CONTROL_APPLIED'>>('ControlApplied').implement({
  description: 'The trainer did what a person asked for.',
  interfaces: [RunEventInterface],
  fields: (t) => ({
    control: t.expose('control', { type: Control, description: 'What was asked for.' }),
    step: t.exposeInt('step', { description: 'Steps done when it took effect.' }),
  }),
})
const CheckpointSaved = builder.objectRef<Of<'CHECKPOINT_SAVED'>>('CheckpointSaved').implement({
  description: 'The weights are safe on disk.',
  interfaces: [RunEventInterface],
  fields: (t) => ({
    step: t.exposeInt('step', { description: 'Steps done when they were saved.' }),
    digest: t.exposeString('digest', { description: 'sha256 of the file.' }),
    bytes: t.exposeFloat('bytes', { description: 'Size of the file.' }),
  }),
})
const LaggedRef = builder.objectRef<Lagged>('Lagged').implement({
  description:
    'You read slower than the run writes, and the buffer overflowed. The events from..to follow from the log: nothing is lost.',
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
