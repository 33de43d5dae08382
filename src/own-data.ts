import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openArtifactStore } from './adapters/local/artifact-store.ts'
import { createRemovals } from './concurrency/removals.ts'
import { readConfig } from './config.ts'
import { createImportFolders } from './data/own/files.ts'
import { type Checked, checkData, type Finding } from './maintenance/check.ts'
import type { BackupFacts } from './maintenance/format.ts'
import { readBackup } from './maintenance/read-backup.ts'
import { restoreBackup } from './maintenance/restore.ts'
import { createWeightsKeeper } from './models/weights-keeper.ts'
import { withOwnDatabase } from './own-database.ts'

/*
 * What is done with a data folder where no server runs.
 */

/** Reads a backup through. @throws an Error with one line that says what is wrong with it */
export function verifyBackup(file: string, signal?: AbortSignal): Promise<BackupFacts> {
  return readBackup(file, {}, signal)
}

/**
 * Puts a backup into the data folder that a server with this environment would use.
 * @param to  another one
 * @throws an Error with one line: the folder is not empty, or the backup not whole
 */
export async function restore(
  env: NodeJS.ProcessEnv,
  file: string,
  to: string | undefined,
  signal: AbortSignal,
): Promise<{ facts: BackupFacts; folder: string }> {
  const folder = to ?? readConfig(env).dataDir
  return { facts: await restoreBackup(file, folder, signal), folder }
}

/**
 * Checks the data that a server with this environment would use (see checkData). As its start would, it brings the database
 * to the newest migration.
 * @returns null where there is such a server
 * @throws an Error with one line where there is no data folder, or the database cannot be opened
 */
export async function checkOwnData(
  env: NodeJS.ProcessEnv,
  found: (finding: Finding) => void,
  signal: AbortSignal,
): Promise<Checked | null> {
  const config = readConfig(env)
  const { dataDir, databaseUrl } = config
  if (!existsSync(databaseUrl === null ? join(dataDir, 'database') : dataDir)) {
    throw new Error(`There is no database in ${dataDir}: set DATA_DIR, or VGGZOO_URL for a running server.`)
  }
  return withOwnDatabase(config, ['artifacts'], signal, async ({ database: { prisma } }) => {
    const artifactsFolder = join(dataDir, 'artifacts')
    const datasetsFolder = join(dataDir, 'datasets')
    const artifacts = openArtifactStore(artifactsFolder)
    const keeper = createWeightsKeeper(prisma, artifacts)
    const folders = createImportFolders(datasetsFolder)
    const removals = createRemovals()
    const ground = { prisma, artifactsFolder, datasetsFolder, artifacts, keeper, folders, removals }
    const checking = checkData(ground, signal)
    for (;;) {
      const next = await checking.next()
      if (next.done) return next.value
      found(next.value)
    }
  })
}
