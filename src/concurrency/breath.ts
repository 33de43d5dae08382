import { setImmediate } from 'node:timers/promises'

/**
 * For work that is all promises and nothing outside: one follows the other without the event loop, and requests wait.
 * @param ms  how long it may keep the event loop to itself
 * @returns lets the event loop go round when that time is over; to be awaited between two pieces of the work
 */
export function createBreath(ms: number): () => Promise<void> {
  let began = performance.now()
  let turn: Promise<void> | undefined
  return async () => {
    if (turn === undefined && performance.now() - began < ms) return
    turn ??= setImmediate().then(() => {
      began = performance.now()
      turn = undefined
    })
    await turn
  }
}
