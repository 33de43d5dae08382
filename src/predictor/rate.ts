/** How fast requests are answered while there are any, measured over about the last two hundred. */
export interface Rate {
  /** A request came; `open` others were there already. */
  began(open: number): void
  /** A request was answered. */
  answered(): void
  /** Milliseconds that this many requests take. */
  msFor(requests: number): number
}

/** Each answer weighs this much less than the next one. */
const DECAY = 0.995
/** Assumed until something was measured: a picture on the slowest engine, small network. */
const FIRST_GUESS_MS = 100
const LONGEST_MS = 600_000

export function createRate(now: () => number = () => performance.now()): Rate {
  let busyMs = 0
  let answers = 0
  let since = 0
  return {
    began(open) {
      // Idle time says nothing of the speed.
      if (open === 0) since = now()
    },
    answered() {
      const at = now()
      busyMs = busyMs * DECAY + (at - since)
      answers = answers * DECAY + 1
      since = at
    },
    msFor(requests) {
      // What is busy now and not answered yet counts: when everything hangs, the promise grows.
      const each = answers === 0 ? FIRST_GUESS_MS : (busyMs + (now() - since)) / answers
      return Math.round(Math.max(1, Math.min(LONGEST_MS, each * requests)))
    },
  }
}
