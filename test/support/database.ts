import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { type Database, openDatabase } from '../../src/db/client.ts'
import type { PrismaClient } from '../../src/db/generated/client.ts'
import type { EngineReport } from '../../src/engine/report.ts'
import { placeMigratedDatabase } from './embedded-database.ts'
import { standardHyperparameters } from './hyperparameters.ts'

/** What a row of TrainingRun needs at least. */
export const RUN_ROW = {
  name: 'a run',
  architecture: 'vgg_mini',
  dataset: 'cifar10',
  hyperparameters: standardHyperparameters() as object,
  seed: 1,
  epochs: 1,
}

/** What an attempt's row says of its engine. */
export const ENGINE: EngineReport = {
  kind: 'CPU',
  device: 'a processor, JavaScript, 1 thread',
  processor: 'a processor',
  instructionSet: 'JavaScript',
  threads: 1,
  notTaken: [],
}

/** A database of the test file's own, migrated and empty, in a folder of its own; open from the first test to the last. */
export function useDatabase(): {
  readonly folder: string
  readonly prisma: PrismaClient
  tidy(): Promise<void>
} {
  const folder = mkdtempSync(join(tmpdir(), 'vggzoo-database-'))
  let database: Database
  beforeAll(async () => {
    await placeMigratedDatabase(join(folder, 'database'))
    database = await openDatabase({ folder: join(folder, 'database') })
  })
  afterAll(async () => {
    await database.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    folder,
    get prisma() {
      return database.prisma
    },
    tidy: () => database.tidy(),
  }
}
