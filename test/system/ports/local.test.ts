import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import { openArtifactStore } from '../../../src/adapters/local/artifact-store.ts'
import { createBus } from '../../../src/adapters/local/bus.ts'
import { openRunQueue } from '../../../src/adapters/local/run-queue.ts'
import { NO_TELEMETRY } from '../../../src/adapters/local/telemetry.ts'
import { NO_TRACING } from '../../../src/adapters/local/tracing.ts'
import { createTrainerLauncher } from '../../../src/adapters/local/trainer-launcher.ts'
import { useDatabase } from '../../support/database.ts'
import { describeArtifactStore } from './artifact-store-contract.ts'
import { describeBus } from './bus-contract.ts'
import { describeRunQueue } from './run-queue-contract.ts'
import { describeTelemetry } from './telemetry-contract.ts'
import { describeTracing } from './tracing-contract.ts'
import { describeTrainerLauncher } from './trainer-launcher-contract.ts'

const db = useDatabase()

describe('in this process and on this disk,', () => {
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vggzoo-ports-'))
  })

  afterAll(() => rm(folder, { recursive: true }))

  describeBus(createBus)
  describeArtifactStore(async () => openArtifactStore(await mkdtemp(join(folder, 'store-'))))
  describeRunQueue(openRunQueue, db)
  describeTelemetry(NO_TELEMETRY)
  describeTracing(async () => NO_TRACING)
  describeTrainerLauncher(
    createTrainerLauncher(new URL('../../support/scripted/scripted-trainer.mjs', import.meta.url)),
  )
})
