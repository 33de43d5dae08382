import type { RunStatus } from '../db/generated/enums.ts'

export type { RunStatus }

/** The state machine of a run: from each status, the statuses it may go to. */
const NEXT: Readonly<Record<RunStatus, readonly RunStatus[]>> = {
  QUEUED: ['PREPARING', 'PAUSED', 'CANCELLED'],
  // Back to QUEUED when it was interrupted and goes on by itself.
  PREPARING: ['RUNNING', 'QUEUED', 'PAUSED', 'CANCELLED', 'FAILED'],
  RUNNING: ['COMPLETED', 'QUEUED', 'PAUSED', 'CANCELLED', 'FAILED'],
  PAUSED: ['QUEUED', 'CANCELLED'],
  // With more epochs.
  COMPLETED: ['QUEUED'],
  CANCELLED: [],
  FAILED: ['QUEUED'],
}

export function canBecome(from: RunStatus, to: RunStatus): boolean {
  return NEXT[from].includes(to)
}

/** A run that has ended does nothing more, unless a person takes it up again. */
export function isFinal(status: RunStatus): boolean {
  return FINAL.includes(status)
}

/** Statuses in which a run has ended. */
export const FINAL: readonly RunStatus[] = ['COMPLETED', 'CANCELLED', 'FAILED']

/** Statuses in which a process works for the run. */
export const ACTIVE: readonly RunStatus[] = ['PREPARING', 'RUNNING']
