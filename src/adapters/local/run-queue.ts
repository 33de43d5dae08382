import { createTurns } from '../../concurrency/one-at-a-time.ts'
import type { RunQueue, WaitingRuns } from '../../ports/run-queue.ts'

/** A queue whose takers are all in this process. */
export function openRunQueue<Run extends { id: string }>(waiting: WaitingRuns<Run>): RunQueue<Run> {
  const watchers = new Set<() => void>()
  const taken = new Set<string>()
  const inTurn = createTurns()
  /** A run that was being claimed when the database went away: whether it was is not known. */
  let unheard: string | null = null

  function wake(): void {
    for (const look of watchers) look()
  }

  async function next(): Promise<Run | null> {
    if (unheard !== null) {
      const run = await waiting.claimed(unheard)
      unheard = null
      if (run !== null) return run
    }
    for (;;) {
      const id = await waiting.first([...taken])
      if (id === null) return null
      unheard = id
      const run = await waiting.claim(id)
      unheard = null
      if (run !== null) return run
    }
  }

  return {
    wake,
    watch(look) {
      // An own function each time: the same one may watch twice.
      const entry = () => look()
      watchers.add(entry)
      return () => void watchers.delete(entry)
    },
    take: () =>
      inTurn(async () => {
        const run = await next()
        if (run !== null) taken.add(run.id)
        return run
      }),
    release(id) {
      if (taken.delete(id)) wake()
    },
  }
}
