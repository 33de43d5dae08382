import type { LossPoint, RunEvent as RunEventRow } from '../../db/generated/client.ts'
import type { Change } from './changes.ts'
import type { RunFailure } from './failure.ts'
import type { RateChange } from './learning-rate.ts'
import type { MeasuredEpoch, MeasuredPoint } from './measurements.ts'
import type { PinnedResult } from './pinned.ts'
import type { Control, RunStatus } from './status.ts'

/** A loss point in the journal: what the trainer measured, and which attempt of the run did. */
export interface RunPoint extends Omit<MeasuredPoint, 'at'> {
  at: Date
  attempt: number
}

/** What an event says, apart from where it stands in the journal. */
export type RunEventBody =
  | { kind: 'LOSS_POINTS'; points: RunPoint[] }
  | { kind: 'EPOCH_ENDED'; summary: MeasuredEpoch; pinned?: { dataset: string; pictures: PinnedResult[] } }
  /** `step`: steps done; where a RUNNING run goes on. */
  | { kind: 'STATUS_CHANGED'; status: RunStatus; failure: RunFailure | null; step: number }
  | { kind: 'CONTROL_APPLIED'; control: Control; step: number; change?: Change & RateChange }
  | { kind: 'CHECKPOINT_SAVED'; step: number; digest: string; bytes: number }

/** One entry of a run's journal; `seq` counts 1, 2, 3, ... within the run and is its cursor. */
export type RunEvent = { runId: string; seq: number; at: Date; attempt: number } & RunEventBody

/** A stream's own notice, not in the journal: events from..to did not fit its buffer and follow from the journal. */
export interface Lagged {
  kind: 'LAGGED'
  runId: string
  /** The position before the gap: a subscriber that resumes after it misses nothing. */
  seq: number
  from: number
  to: number
  at: Date
}

/** The part of a body that the event's row keeps; the points of LOSS_POINTS are rows of their own. */
export function payloadOf(body: RunEventBody): object | null {
  if (body.kind === 'LOSS_POINTS') return null
  const { kind: _, ...payload } = body
  return payload
}

/**
 * Rebuilds an event from its row and, for LOSS_POINTS, from its points. What `payloadOf` wrote is not validated: streams
 * read thousands of events a second.
 */
export function eventOf(row: RunEventRow, points: LossPoint[]): RunEvent {
  const place = { runId: row.runId, seq: row.seq, at: row.at, attempt: row.attempt }
  if (row.kind === 'LOSS_POINTS') return { ...place, kind: 'LOSS_POINTS', points }
  return { ...place, kind: row.kind, ...(row.payload as object) } as RunEvent
}
