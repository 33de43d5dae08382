import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { claimPostgres } from './db/postgres-claim.ts'
import { claim } from './db/single-owner.ts'
import type { Parts } from './parts.ts'

/**
 * Claims the data folder, and the database where that is elsewhere, for this process alone. Throws AlreadyClaimedError.
 * @returns aborts when the claim on the database is lost, at which this process ends
 */
export async function claimData(
  { dataDir, databaseUrl }: Pick<Config, 'dataDir' | 'databaseUrl'>,
  logger: Pick<Logger, 'fatal'>,
  parts: Parts,
): Promise<AbortSignal> {
  parts.add({ close: (await claim(dataDir)).release })
  const lost = new AbortController()
  if (databaseUrl === null) return lost.signal
  const onLost = (error: Error) => {
    // Another server may take the queue now: two must not run it.
    lost.abort()
    logger.fatal({ err: error }, 'the claim on the database is lost; start again when it answers')
    // For supervisors that start again what ended with a failure.
    process.exitCode = 1
    process.kill(process.pid, 'SIGTERM')
  }
  parts.add({ close: (await claimPostgres(databaseUrl, onLost)).release })
  return lost.signal
}
