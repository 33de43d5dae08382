import type { Logger } from 'pino'
import { retry } from '../../../concurrency/retry.ts'
import { isDuplicate, isTransient } from '../../../db/errors.ts'

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
    let failed = 0
    const writeOnce = () =>
      write().catch((error: unknown) => {
        // The answer to the first try was lost, not what it wrote.
        if (failed > 0 && isDuplicate(error)) return undefined
        throw error
      })
    const again = (error: unknown, tries: number) => {
      if (!every && !isTransient(error)) return false
      if (tries === 1) {
        logger.warn({ err: error }, 'what the run did cannot be recorded now; it is tried again')
      }
      failed = tries
      failure = error
      return true
    }
    const result = await retry(writeOnce, again, gaveUp)
    if (failed > 0) await done(failed + 1)
    return result
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
