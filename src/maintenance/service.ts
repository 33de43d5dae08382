import { rm } from 'node:fs/promises'
import type { Logger } from 'pino'
import { ConflictError, StoppingError } from '../errors.ts'
import { type BackupGround, backUp, stagedCopy } from './backup.ts'
import { type Checked, type CheckGround, checkData, type Finding } from './check.ts'
import type { BackupFacts } from './format.ts'

/** What an operator does with all of a server's data, while it works. One of it at a time. */
export interface Maintenance {
  /**
   * See backUp.
   * @throws ConflictError where something else is under way, and what backUp throws
   */
  backup(
    signal: AbortSignal,
    send: (facts: BackupFacts, archive: AsyncIterable<Buffer>) => Promise<void>,
  ): Promise<void>
  /**
   * See checkData.
   * @param found  told each finding, and waited for
   * @throws ConflictError, what `found` throws, or the signal's reason
   */
  check(signal: AbortSignal, found: (finding: Finding) => Promise<void>): Promise<Checked>
  /** Removes what a killed server left. */
  sweep(): Promise<void>
  /** Ends what is under way; resolves when nothing of it is left. */
  close(): Promise<void>
}

export function createMaintenance(
  ground: BackupGround & CheckGround & { logger: Pick<Logger, 'info'> },
): Maintenance {
  const closing = new AbortController()
  let underWay: { what: string; work: Promise<unknown>; isEnding: boolean } | null = null

  /** @param work  calls `ending` when nobody is to wait for it but who comes next */
  async function alone<Result>(
    what: string,
    signal: AbortSignal,
    work: (signal: AbortSignal, ending: () => void) => Promise<Result>,
  ): Promise<Result> {
    // What is over for its client has a little to remove still.
    while (underWay?.isEnding) await underWay.work.catch(() => {})
    closing.signal.throwIfAborted()
    if (underWay !== null) {
      throw new ConflictError(`A ${underWay.what} is under way. Try again when it has ended.`)
    }
    const either = AbortSignal.any([signal, closing.signal])
    let isEnding = false
    const ending = () => {
      isEnding = true
    }
    either.addEventListener('abort', ending, { once: true })
    const mine = work(either, ending)
    underWay = {
      what,
      work: mine,
      get isEnding() {
        return isEnding
      },
    }
    try {
      return await mine
    } finally {
      underWay = null
    }
  }

  return {
    backup: (signal, send) =>
      alone('backup', signal, (either, ending) =>
        backUp(ground, either, async (facts, archive) => {
          ground.logger.info({ ...facts }, 'a backup is being sent')
          await send(facts, watched(archive, either, ending))
        }),
      ),
    check: (signal, found) =>
      alone('check', signal, async (either) => {
        const checking = checkData(ground, either)
        for (;;) {
          const next = await checking.next()
          if (next.done) return next.value
          // What it throws leaves the checking, with what it holds.
          await found(next.value).catch((error: unknown) => checking.throw(error))
        }
      }),
    sweep: () => rm(stagedCopy(ground.dataDir), { recursive: true, force: true }),
    async close() {
      closing.abort(new StoppingError())
      await underWay?.work.catch(() => {})
    },
  }
}

/** Throws once the signal is aborted. @param onEnd  called before its reader learns that it has ended */
async function* watched<Item>(
  source: AsyncIterable<Item>,
  signal: AbortSignal,
  onEnd: () => void,
): AsyncGenerator<Item, void> {
  for await (const item of source) {
    signal.throwIfAborted()
    yield item
  }
  onEnd()
}
