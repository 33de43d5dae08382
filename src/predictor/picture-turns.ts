import { setTimeout } from 'node:timers/promises'
import { OverloadedError } from '../errors.ts'

/** One picture's way through the predictor. It may be begun again after it rejected with an OverloadedError; else it never rejects. */
export type Turn = () => Promise<void>

/** Lets the pictures of batches through to the predictor, so few at a time that who sends a single one does not wait for them. */
export interface PictureTurns {
  /**
   * Takes turns, in turns with the other batches, until there is none left.
   * @param next  the next picture's, or undefined
   * @param signal  ends the wait of a turn that is to be begun again
   */
  add(next: () => Turn | undefined, signal: AbortSignal): void
}

interface Lane {
  next(): Turn | undefined
  signal: AbortSignal
}

/** Enough to fill the batches of the predictor: one is computed, the next is decoded. */
const MOST = 32
/** However many others wait: a batch is to end some time. */
const LEAST = 2
/** What a picture of a batch may take from its turn to its answer: a single one that comes behind takes as long. */
const USUAL_MS = 500
/** A predictor with room again is to be noticed. */
const LONGEST_PAUSE_MS = 1000

/** @param open  pictures that the predictor has not answered yet, whoever sent them */
export function createPictureTurns(open: () => number): PictureTurns {
  const lanes: Lane[] = []
  let under = 0
  /** Grows while answers come soon, and shrinks while they do not: a slow network has fewer at once. */
  let limit = MOST / 2

  function fill(): void {
    while (under < LEAST || under < Math.min(limit, MOST - (open() - under))) {
      const lane = lanes.shift()
      if (lane === undefined) return
      const turn = lane.next()
      if (turn === undefined) continue
      lanes.push(lane)
      under++
      void take(turn, lane.signal).finally(() => {
        under--
        fill()
      })
    }
  }

  async function take(turn: Turn, signal: AbortSignal): Promise<void> {
    for (;;) {
      const began = performance.now()
      try {
        await turn()
        limit += performance.now() - began <= USUAL_MS ? 1 : -1
        limit = Math.max(LEAST, Math.min(MOST, limit))
        return
      } catch (error) {
        if (!(error instanceof OverloadedError)) throw error
        limit = LEAST
        const ms = Math.min(error.retryAfterMs, LONGEST_PAUSE_MS)
        await setTimeout(ms, undefined, { signal, ref: false }).catch(() => {})
      }
    }
  }

  return {
    add(next, signal) {
      lanes.push({ next, signal })
      fill()
    },
  }
}
