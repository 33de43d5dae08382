import { percent, words } from '../format.ts'
import type { RunCard } from '../live/runs-changed.ts'

type Shown = Pick<RunCard, 'number' | 'name' | 'status' | 'progress'>

/** How much of a run at work is done; null of one that is not. */
export function shareOf({ status, progress: { step, steps } }: Shown): number | null {
  return status === 'RUNNING' && steps > 0 ? step / steps : null
}

/** What the tab of a run is called. */
export function titleOf(run: Shown): string {
  const share = shareOf(run)
  return share === null ? `#${run.number} ${words(run.status)}` : `${percent(share, 0)} · #${run.number}`
}

const ENDS = new Set<RunCard['status']>(['COMPLETED', 'FAILED', 'CANCELLED'])

/** Whether a run ends with it; it may be taken up again. */
export function isEnd(status: RunCard['status']): boolean {
  return ENDS.has(status)
}

/** What is told of a run that went from one status to another; null where that is no end. */
export function endingOf(before: RunCard['status'], { number, name, status }: Shown): string | null {
  return isEnd(status) && !isEnd(before) ? `Run #${number} ${name} ${words(status)}` : null
}
