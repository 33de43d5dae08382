import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { openArtifactStore } from './adapters/local/artifact-store.ts'
import { claimData } from './claims.ts'
import { createRemovals } from './concurrency/removals.ts'
import { readConfig } from './config.ts'
import { createImportFolders } from './data/own/files.ts'
import { openDatabase } from './db/client.ts'
import { AlreadyClaimedError } from './db/single-owner.ts'
import { type Checked, checkData, type Finding } from './maintenance/check.ts'
import type { BackupFacts } from './maintenance/format.ts'
import { readBackup } from './maintenance/read-backup.ts'
import { restoreBackup } from './maintenance/restore.ts'
import { createWeightsKeeper } from './models/weights-keeper.ts'
import { createParts } from './parts.ts'
import { prepareDataFolder } from './storage/data-folder.ts'

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
  const home = join(dataDir, 'database')
  if (!existsSync(databaseUrl === null ? home : dataDir)) {
    throw new Error(`There is no database in ${dataDir}: set DATA_DIR, or VGGZOO_URL for a running server.`)
  }
  const say = (facts: { err: Error }) => void process.stderr.write(`${facts.err.message}\n`)
  const logger = { error: say, fatal: say } as unknown as Logger
  const parts = createParts(logger, signal)
  try {
    prepareDataFolder(dataDir, databaseUrl === null ? ['database', 'artifacts'] : ['artifacts'])
    await claimData(config, logger, parts)
    const { prisma } = parts.add(await openDatabase({ url: databaseUrl ?? undefined, folder: home }))
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
  } catch (error) {
    if (error instanceof AlreadyClaimedError) return null
    throw error
  } finally {
    await parts.close()
  }
}
