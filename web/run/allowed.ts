import type { RunCard } from '../live/runs-changed.ts'

type Status = RunCard['status']

/** In which statuses a page offers a control; the server has the last word. */
export const ALLOWED: Readonly<Record<'PAUSE' | 'RESUME' | 'CANCEL' | 'UPDATE', readonly Status[]>> = {
  PAUSE: ['QUEUED', 'PREPARING', 'RUNNING'],
  RESUME: ['PAUSED', 'FAILED'],
  CANCEL: ['QUEUED', 'PREPARING', 'RUNNING', 'PAUSED'],
  UPDATE: ['QUEUED', 'PREPARING', 'RUNNING', 'PAUSED', 'COMPLETED', 'FAILED'],
}
