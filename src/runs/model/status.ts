import { RunStatus } from '../../db/generated/enums.ts'

export type { RunStatus }

export const STATUSES = Object.values(RunStatus)

/** What a person can do to a run. */
export const CONTROLS = ['PAUSE', 'RESUME', 'CANCEL', 'UPDATE', 'MOVE'] as const
export type Control = (typeof CONTROLS)[number]

/** The ways out of a status: where each control takes the run, null where it does not apply, and where it goes `byItself`. */
type Ways = Readonly<Record<Control, RunStatus | null>> & { readonly byItself: readonly RunStatus[] }

/** The state machine of a run. */
export const LIFECYCLE: Readonly<Record<RunStatus, Ways>> = {
  QUEUED: {
    byItself: ['PREPARING'],
    // It waits until it is resumed.
    PAUSE: 'PAUSED',
    RESUME: null,
    CANCEL: 'CANCELLED',
    UPDATE: 'QUEUED',
    // To another place in the queue.
    MOVE: 'QUEUED',
  },
  PREPARING: {
    // Back to QUEUED when it was interrupted and goes on by itself.
    byItself: ['RUNNING', 'QUEUED', 'FAILED'],
    PAUSE: 'PAUSED',
    RESUME: null,
    CANCEL: 'CANCELLED',
    // It gets the change as soon as it trains.
    UPDATE: 'RUNNING',
    MOVE: null,
  },
  RUNNING: {
    byItself: ['COMPLETED', 'QUEUED', 'FAILED'],
    PAUSE: 'PAUSED',
    RESUME: null,
    CANCEL: 'CANCELLED',
    UPDATE: 'RUNNING',
    MOVE: null,
  },
  PAUSED: {
    byItself: [],
    PAUSE: null,
    RESUME: 'QUEUED',
    CANCEL: 'CANCELLED',
    UPDATE: 'PAUSED',
    MOVE: null,
  },
  COMPLETED: {
    byItself: [],
    PAUSE: null,
    RESUME: null,
    CANCEL: null,
    // With more epochs.
    UPDATE: 'QUEUED',
    MOVE: null,
  },
  CANCELLED: { byItself: [], PAUSE: null, RESUME: null, CANCEL: null, UPDATE: null, MOVE: null },
  FAILED: {
    byItself: [],
    PAUSE: null,
    // It is tried again, from its newest checkpoint.
    RESUME: 'QUEUED',
    CANCEL: null,
    UPDATE: 'FAILED',
    MOVE: null,
  },
}

/** Whether a run may go from one status to another, by itself or by a control. */
export function canBecome(from: RunStatus, to: RunStatus): boolean {
  if (from === to) return false
  const ways = LIFECYCLE[from]
  return ways.byItself.includes(to) || CONTROLS.some((control) => ways[control] === to)
}

/** Statuses in which a run has ended: it does nothing more, unless a person takes it up again. */
export const FINAL: readonly RunStatus[] = ['COMPLETED', 'CANCELLED', 'FAILED']

export function isFinal(status: RunStatus): boolean {
  return FINAL.includes(status)
}

/** Statuses in which a process works for the run. */
export const ACTIVE: readonly RunStatus[] = ['PREPARING', 'RUNNING']
