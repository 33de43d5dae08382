import { existsSync } from 'node:fs'
import { mkdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { DatabaseError, firstLine } from './errors.ts'
import { NO_AUTOMATIC_CHECKPOINT } from './write-ahead-log.ts'

const SETTINGS = [
  // The default of 128 MB would add that to the server's memory, and the system's file cache lies below anyway.
  'shared_buffers=16MB',
  'min_wal_size=32MB',
  NO_AUTOMATIC_CHECKPOINT,
]
const START_PARAMS = [...PGlite.defaultStartParams, ...SETTINGS.flatMap((setting) => ['-c', setting])]

/**
 * Opens the embedded PostgreSQL, and makes it first where there is none.
 *
 * What a query acknowledged is in the system's file cache before the query resolves, so it survives the end of
 * the process however that comes. It is not forced to the disk: PGlite never calls fsync, so a power cut can
 * cost the newest rows and, at worst, the database.
 *
 * @throws DatabaseError
 */
export async function openPGlite(folder: string): Promise<PGlite> {
  const home = resolve(folder)
  try {
    if (!existsSync(join(home, 'PG_VERSION'))) await make(home)
    return await start(home)
  } catch (error) {
    throw new DatabaseError(
      `can't open the embedded database in ${home}: ${firstLine(error)}. If its files are damaged, move that folder away to start with an empty one`,
      { cause: error },
    )
  }
}

/** Waits for what is queued, then shuts the database down. */
export async function closePGlite(pg: PGlite): Promise<void> {
  if (pg.closed) return
  await pg.query('SELECT 1')
  await keepingExitCode(() => pg.close())
}

/** Made beside its place and then renamed: a kill in the middle must not leave half a database that looks whole. */
async function make(home: string): Promise<void> {
  const draft = `${home}.new`
  await rm(draft, { recursive: true, force: true })
  await mkdir(dirname(home), { recursive: true })
  const pg = await start(draft)
  await closePGlite(pg)
  // rmdir() takes away an empty folder only: rename() then refuses one that somebody has put files in.
  await rmdir(home).catch(() => {})
  await rename(draft, home)
}

function start(dataDir: string): Promise<PGlite> {
  return keepingExitCode(() => PGlite.create({ dataDir, startParams: START_PARAMS }))
}

/** PGlite sets process.exitCode to 99 when it starts and to 0 when it closes; that is for the server to say. */
async function keepingExitCode<T>(work: () => Promise<T>): Promise<T> {
  const before = process.exitCode
  try {
    return await work()
  } finally {
    process.exitCode = before
  }
}
