import { setTimeout } from 'node:timers/promises'
import type { Logger } from 'pino'
import { isDuplicate, isTransient } from '../../db/errors.ts'

/** Pauses between tries of a write: each is twice the one before, up to the last. */
export const FIRST_RETRY_MS = 200
export const LAST_RETRY_MS = 5000

/** Does writes again that failed for reasons of the disk or of the database's server, until they are done. */
export interface Persistence {
  /**
   * @param every  again after any error, not only after one that may pass
   * @throws what the write threw that is no such failure; the last one's error when it was given up
   */
  persist<Result>(write: () => Promise<Result>, every?: boolean): Promise<Result | undefined>
  /** Why a write is waiting to be done again; null when none is. */
  readonly failure: unknown
}

/**
 * @param announce  is called when a write is done that had failed before: it may have been committed, unheard, and its
 *   events not have been published
 * @param gaveUp    ends the waiting: the next start finds what was not written
 */
export function createPersistence(
  logger: Pick<Logger, 'warn' | 'info'>,
  announce: () => Promise<void>,
  gaveUp: AbortSignal,
): Persistence {
  let failure: unknown = null

  async function persist<Result>(write: () => Promise<Result>, every = false): Promise<Result | undefined> {
    for (let pause = FIRST_RETRY_MS, tries = 1; ; tries++, pause = Math.min(2 * pause, LAST_RETRY_MS)) {
      try {
        const result = await write()
        if (tries > 1) await done(tries)
        return result
      } catch (error) {
        // The answer to the first try was lost, not what it wrote.
        if (tries > 1 && isDuplicate(error)) {
          await done(tries)
          return undefined
        }
        if (gaveUp.aborted || !(every || isTransient(error))) throw error
        if (tries === 1)
          logger.warn({ err: error }, 'what the run did cannot be recorded now; it is tried again')
        failure = error
        try {
          await setTimeout(pause, undefined, { signal: gaveUp })
        } catch {
          throw error
        }
      }
    }
  }

  async function done(tries: number): Promise<void> {
    failure = null
    logger.info({ tries }, 'what the run did is recorded')
    // Who follows the run hears of the next event at the latest.
    await announce().catch(() => {})
  }

  return {
    persist,
    get failure() {
      return failure
    },
  }
}
