/** The process of a server whose trainers only rehearse: REHEARSAL in the environment says how, as JSON. */
import { startApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { createLogger } from '../../src/logger.ts'
import { onStopRequest } from '../../src/process/signals.ts'
import { createRehearsal, type Rehearsal } from './rehearsal.ts'

/** As many as a server takes. */
const MAX_RUNS = 64

const stopping = new AbortController()
const rehearsal = JSON.parse(process.env.REHEARSAL!) as Rehearsal
const config = { ...readConfig(process.env), maxConcurrentRuns: rehearsal.runs ?? MAX_RUNS }
const logger = createLogger(config.logLevel)
const trainers = createRehearsal(rehearsal)
const app = await startApp(config, logger, stopping.signal, { trainers })
onStopRequest(
  async () => {
    await app.close()
    process.exit()
  },
  () => process.exit(1),
)
logger.info({ url: app.url }, 'vggzoo is ready')
