/**
 * Does together what is asked of it, at most once in so many milliseconds: after a pause, at the end of the event loop's turn;
 * otherwise when the time since the last is over. To wake up costs more than most of what is done then.
 */
export function createBeat(everyMs: number): (work: () => void) => void {
  let waiting: (() => void)[] = []
  let last = Number.NEGATIVE_INFINITY

  function strike(): void {
    last = performance.now()
    const works = waiting
    waiting = []
    for (const work of works) work()
  }

  return (work) => {
    waiting.push(work)
    if (waiting.length > 1) return
    const ms = last + everyMs - performance.now()
    if (ms > 0) setTimeout(strike, ms)
    else setImmediate(strike)
  }
}
