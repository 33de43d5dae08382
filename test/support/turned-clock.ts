import type { Clock } from '../../src/webhooks/clock.ts'

/** A clock that stands still until a test turns it on. */
export interface TurnedClock extends Clock {
  /** The milliseconds after which somebody is to be called back; resolves when somebody asks for it. */
  asked(): Promise<number>
  turn(ms: number): void
}

export function createTurnedClock(): TurnedClock {
  // Ahead of the events that it is told of, which have the time of the system.
  let now = Date.now() + 60_000
  const timers = new Map<() => void, number>()
  const untold: number[] = []
  const waiting: ((ms: number) => void)[] = []
  return {
    now: () => new Date(now),
    after(ms, callback) {
      const entry = () => callback()
      timers.set(entry, now + ms)
      const teller = waiting.shift()
      if (teller === undefined) untold.push(ms)
      else teller(ms)
      return () => void timers.delete(entry)
    },
    asked() {
      const ms = untold.shift()
      return ms === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(ms)
    },
    turn(ms) {
      now += ms
      for (const [callback, at] of [...timers]) {
        if (at > now) continue
        timers.delete(callback)
        callback()
      }
    },
  }
}
