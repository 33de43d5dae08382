import { startApp } from './app.ts'
import { ConfigError, readConfig } from './config.ts'
import { createLogger } from './logger.ts'

try {
  const config = readConfig(process.env)
  const logger = createLogger(config.logLevel)
  const app = await startApp(config, logger)
  logger.info({ url: app.url, playground: `${app.url}/graphql` }, 'vggzoo is ready')

  let stopping = false
  const stop = async (signal: NodeJS.Signals) => {
    // A second signal means now.
    if (stopping) process.exit(1)
    stopping = true
    logger.info({ signal }, 'stopping')
    await app.close()
    process.exit(0)
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
} catch (error) {
  const text = error instanceof Error ? error.message : String(error)
  const lines = error instanceof ConfigError ? text.split('\n') : [text]
  for (const line of lines) process.stderr.write(`vggzoo cannot start: ${line}\n`)
  process.exit(1)
}
