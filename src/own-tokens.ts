import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { openAccess, type Tokens } from './access/service.ts'
import { claimData } from './claims.ts'
import { readConfig } from './config.ts'
import { openDatabase } from './db/client.ts'
import { AlreadyClaimedError } from './db/single-owner.ts'
import { createParts } from './parts.ts'
import { prepareDataFolder } from './storage/data-folder.ts'

/**
 * Works on the tokens of the database that a server with this environment would use, while there is no such server: so
 * the first token is made. Answers null when there is one.
 * @throws an Error with one line when there is no data folder, and `mayMake` is false, or the database cannot be opened
 */
export async function withOwnTokens<Result>(
  env: NodeJS.ProcessEnv,
  mayMake: boolean,
  work: (tokens: Tokens) => Promise<Result>,
): Promise<Result | null> {
  const config = readConfig(env)
  const { dataDir, databaseUrl } = config
  if (!mayMake && !existsSync(dataDir)) {
    throw new Error(`There is no data folder ${dataDir}: set DATA_DIR, or VGGZOO_URL and VGGZOO_TOKEN.`)
  }
  const say = (facts: { err: Error }) => void process.stderr.write(`${facts.err.message}\n`)
  const logger = { error: say, warn: say, fatal: say } as unknown as Logger
  const parts = createParts(logger, new AbortController().signal)
  try {
    prepareDataFolder(dataDir, databaseUrl === null ? ['database'] : [])
    await claimData(config, logger, parts)
    const folder = join(dataDir, 'database')
    const database = parts.add(await openDatabase({ url: databaseUrl ?? undefined, folder }))
    const access = parts.add(
      await openAccess({ auth: 'none', operatorsShare: false, prisma: database.prisma, logger }),
    )
    return await work(access.tokens)
  } catch (error) {
    if (error instanceof AlreadyClaimedError) return null
    throw error
  } finally {
    await parts.close()
  }
}
