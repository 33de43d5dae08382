import { existsSync } from 'node:fs'
import { openAccess, type Tokens } from './access/service.ts'
import { readConfig } from './config.ts'
import { withOwnDatabase } from './own-database.ts'

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
  const { dataDir } = config
  if (!mayMake && !existsSync(dataDir)) {
    throw new Error(`There is no data folder ${dataDir}: set DATA_DIR, or VGGZOO_URL and VGGZOO_TOKEN.`)
  }
  return withOwnDatabase(config, [], new AbortController().signal, async ({ database, logger, parts }) => {
    const { prisma } = database
    return work(
      parts.add(await openAccess({ auth: 'none', operatorsShare: false, openId: null, prisma, logger }))
        .tokens,
    )
  })
}
