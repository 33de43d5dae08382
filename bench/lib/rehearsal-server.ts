/** The process of a server whose trainers only rehearse: REHEARSAL in the environment says how, as JSON. */
import { startApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { createLogger } from '../../src/logger.ts'
import { onStopRequest } from '../../src/process/signals.ts'
import { createRehearsal } from './rehearsal.ts'

const stopping = new AbortController()
const config = readConfig(process.env)
const logger = createLogger(config.logLevel)
const trainers = createRehearsal(JSON.parse(process.env.REHEARSAL!))
const app = await startApp(config, logger, stopping.signal, { trainers })
onStopRequest(
  async () => {
    await app.close()
    process.exit()
  },
  () => process.exit(1),
)
logger.info({ url: app.url }, 'vggzoo is ready')
