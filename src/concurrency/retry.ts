import { setTimeout } from 'node:timers/promises'

/** Pauses between tries: each is twice the one before, up to the last. */
const FIRST_PAUSE_MS = 200
const LAST_PAUSE_MS = 5000

/**
 * Does a task again and again until it is done.
 * @param again   whether an error is worth another try; `tries`: how many there were
 * @param gaveUp  ends the pauses
 * @throws what the last try threw
 */
export async function retry<Result>(
  task: () => Promise<Result>,
  again: (error: unknown, tries: number) => boolean,
  gaveUp: AbortSignal,
): Promise<Result> {
  for (let tries = 1, pause = FIRST_PAUSE_MS; ; tries++, pause = Math.min(2 * pause, LAST_PAUSE_MS)) {
    try {
      return await task()
    } catch (error) {
      if (gaveUp.aborted || !again(error, tries)) throw error
      try {
        await setTimeout(pause, undefined, { signal: gaveUp })
      } catch {
        throw error
      }
    }
  }
}
