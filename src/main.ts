import { setTimeout } from 'node:timers/promises'
import { ConfigError, readConfig } from './config.ts'
import { createLogger } from './logger.ts'
import { onStopRequest } from './process/signals.ts'

/** For a start that is to end in its midst; one that waits for a database still has nothing that a kill would hurt. */
const START_ENDS_MS = 30_000

// Libraries check more than they need to where nobody says that this is no development: graphql-js does with each value.
process.env.NODE_ENV ??= 'production'

const stopping = new AbortController()
try {
  const config = readConfig(process.env)
  const logger = createLogger(config.logLevel)
  // Its modules take a while to load: who asks for an end meanwhile is heard, too.
  const starting = import('./app.ts').then(({ startApp }) => startApp(config, logger, stopping.signal))
  onStopRequest(
    async (reason) => {
      logger.info({ reason }, 'stopping')
      stopping.abort()
      const app = await Promise.race([starting.catch(() => null), setTimeout(START_ENDS_MS, null)])
      await app?.close()
      process.exit()
    },
    () => process.exit(1),
  )
  const { url } = await starting
  // Who asked for its end in the last moment of its start is not told that it is there.
  if (!stopping.signal.aborted) logger.info({ url, playground: `${url}/graphql` }, 'vggzoo is ready')
} catch (error) {
  if (!stopping.signal.aborted) {
    const text = error instanceof Error ? error.message : String(error)
    const lines = error instanceof ConfigError ? text.split('\n') : [text]
    for (const line of lines) process.stderr.write(`vggzoo cannot start: ${line}\n`)
    process.exit(1)
  }
}
