import { join } from 'node:path'
import type { Logger } from 'pino'
import { claimData } from './claims.ts'
import type { Config } from './config.ts'
import { type Database, openDatabase } from './db/client.ts'
import { AlreadyClaimedError } from './db/single-owner.ts'
import { createParts, type Parts } from './parts.ts'
import { prepareDataFolder } from './storage/data-folder.ts'

/** What a task of the command line stands on. Its warnings and errors go to the standard error, a line each. */
export interface OwnGround {
  database: Database
  logger: Logger
  /** What is put together with these is taken apart when the task has ended. */
  parts: Parts
}

/**
 * Does a task with the database that a server with this configuration would use, where no server has it. As a start would, it
 * brings the database to the newest migration.
 * @param folders  those of the data folder that are used beside the database
 * @returns null where a server has it
 * @throws an Error with one line where the folder or the database cannot be used
 */
export async function withOwnDatabase<Result>(
  config: Config,
  folders: readonly 'artifacts'[],
  signal: AbortSignal,
  work: (ground: OwnGround) => Promise<Result>,
): Promise<Result | null> {
  const { dataDir, databaseUrl } = config
  const say = (facts: { err: Error }) => void process.stderr.write(`${facts.err.message}\n`)
  const logger = { error: say, warn: say, fatal: say } as unknown as Logger
  const parts = createParts(logger, signal)
  try {
    prepareDataFolder(dataDir, databaseUrl === null ? ['database', ...folders] : folders)
    const lost = await claimData(config, logger, parts)
    const folder = join(dataDir, 'database')
    const database = parts.add(await openDatabase({ url: databaseUrl ?? undefined, folder, lost }))
    return await work({ database, logger, parts })
  } catch (error) {
    if (error instanceof AlreadyClaimedError) return null
    throw error
  } finally {
    await parts.close()
  }
}
