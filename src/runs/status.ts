import type { RunStatus } from '../db/generated/enums.ts'

export type { RunStatus }

/** The state machine of a run: from each status, the statuses it may go to. */
const NEXT: Readonly<Record<RunStatus, readonly RunStatus[]>> = {
  QUEUED: ['PREPARING', 'CANCELLED'],
  PREPARING: ['RUNNING', 'CANCELLED', 'FAILED'],
  RUNNING: ['COMPLETED', 'CANCELLED', 'FAILED'],
  PAUSED: ['QUEUED', 'CANCELLED'],
  COMPLETED: [],
  CANCELLED: [],
  FAILED: [],
}

export function canBecome(from: RunStatus, to: RunStatus): boolean {
  return NEXT[from].includes(to)
}

/** A run that has ended takes no further events. */
export function isFinal(status: RunStatus): boolean {
  return NEXT[status].length === 0
}

/** Statuses in which a process works for the run. */
export const ACTIVE: readonly RunStatus[] = ['PREPARING', 'RUNNING']
