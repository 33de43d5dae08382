import { RateLimiterMemory } from 'rate-limiter-flexible'
import { createThrottle } from '../concurrency/throttle.ts'
import { TooManyRequestsError } from '../errors.ts'
import type { Rate } from './limits.ts'

/** What each may spend in a time, which begins with the first that is spent. */
export interface Budget {
  /** @throws TooManyRequestsError for whom it is used up */
  check(who: string): void
  /**
   * Whoever has something left may spend more than that once: so what is dearer than the whole budget is done, too, and who
   * waits for as long as the refusal says is answered.
   */
  spend(who: string, amount: number): void
}

/**
 * @param what  as a refusal says it: "pictures to classify"
 * @param onUsedUp  hears of it once in each time
 */
export function createBudget({ most, ms }: Rate, what: string, onUsedUp: (who: string) => void): Budget {
  const spent = new RateLimiterMemory({ points: most, duration: ms / 1000, keyPrefix: '' })
  /** Until when, for whom it is used up: what was spent is told in a promise, and who checks does not wait. */
  const renewedAt = new Map<string, number>()

  function useUp(who: string, leftMs: number): void {
    const now = Date.now()
    if ((renewedAt.get(who) ?? 0) > now) return
    const at = now + leftMs
    renewedAt.set(who, at)
    setTimeout(() => void (renewedAt.get(who) === at && renewedAt.delete(who)), leftMs).unref()
    onUsedUp(who)
  }

  return {
    check(who) {
      const at = renewedAt.get(who)
      if (at === undefined) return
      const leftMs = at - Date.now()
      if (leftMs <= 0) return
      const message = `The limit is ${most} ${what} in ${ms / 1000} s. Try again in ${Math.ceil(leftMs / 1000)} s.`
      // A timer may ring within the millisecond before.
      throw new TooManyRequestsError(message, leftMs + 1)
    },
    spend(who, amount) {
      void spent.penalty(who, amount).then(({ consumedPoints, msBeforeNext }) => {
        if (consumedPoints >= most) useUp(who, msBeforeNext)
      })
    },
  }
}

/** What ends is not told beforehand. */
const RETRY_MS = 1000
/** Between two words that somebody has as many as may be. */
const TELL_EVERY_MS = 60_000

/**
 * How many each may have at once.
 * @param onUsedUp  hears of whom one is refused, of each once a minute at most
 * @returns has one more, and answers what gives it back. Throws TooManyRequestsError.
 */
export function createBound(
  most: number,
  what: string,
  onUsedUp: (who: string) => void,
): (who: string) => () => void {
  const counts = new Map<string, number>()
  const isTimeToTell = createThrottle(TELL_EVERY_MS)
  return (who) => {
    const count = counts.get(who) ?? 0
    if (count >= most) {
      if (isTimeToTell(who)) onUsedUp(who)
      throw new TooManyRequestsError(
        `The limit is ${most} ${what} at once. Close one, or try again.`,
        RETRY_MS,
      )
    }
    counts.set(who, count + 1)
    let isOpen = true
    return () => {
      if (!isOpen) return
      isOpen = false
      const left = counts.get(who)! - 1
      if (left === 0) counts.delete(who)
      else counts.set(who, left)
    }
  }
}
