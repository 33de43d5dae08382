import type { Logger } from 'pino'
import { createTurns } from '../../concurrency/one-at-a-time.ts'
import { OverloadedError, StoppingError } from '../../errors.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { runJob } from '../../process/job.ts'
import type { Nearest } from './feature-file.ts'
import type { FromNeighbours, NeighbourJob } from './feature-protocol.ts'

/** Compares features with those of all training pictures, one question at a time, each in a process of its own. */
export interface NeighbourSearch {
  /** Rejects with OverloadedError, JobError or the signal's reason. */
  find(job: NeighbourJob, signal?: AbortSignal): Promise<Nearest[]>
  /** Ends what is at work and refuses what waits. */
  close(): Promise<void>
}

/** Questions that may wait for the one at work. */
const MAX_WAITING = 32

export function createNeighbourSearch(options: {
  logger: Pick<Logger, 'info'>
  telemetry: Telemetry
  /** The compiled neighbour-process.js, where this file itself is not compiled. */
  entry?: URL
}): NeighbourSearch {
  const entry = options.entry ?? new URL('./neighbour-process.js', import.meta.url)
  const inTurn = createTurns()
  const closing = new AbortController()
  let open = 0
  /** Reading 410 MB, until one was measured. */
  let tookMs = 1000

  async function search(task: NeighbourJob, signal: AbortSignal): Promise<Nearest[]> {
    const began = performance.now()
    const { nearest } = await runJob<NeighbourJob, FromNeighbours>(
      {
        name: 'neighbours',
        entry,
        task,
        what: 'compares features',
        onOutput: (line, neighbours) => options.logger.info({ neighbours }, line),
        telemetry: options.telemetry,
      },
      {},
      signal,
    )
    tookMs = performance.now() - began
    return nearest
  }

  return {
    async find(task, given) {
      if (open > MAX_WAITING) {
        const retryAfterMs = Math.round(tookMs * open)
        const message = `${open} searches for neighbours are waiting already. Try again in ${retryAfterMs} ms.`
        throw new OverloadedError(message, retryAfterMs, open)
      }
      open++
      const signal = given === undefined ? closing.signal : AbortSignal.any([given, closing.signal])
      return inTurn(() => search(task, signal)).finally(() => open--)
    },
    async close() {
      closing.abort(new StoppingError())
      await inTurn(async () => {})
    },
  }
}
