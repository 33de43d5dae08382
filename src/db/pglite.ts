import { existsSync } from 'node:fs'
import { mkdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { firstLine, unopened } from './database-error.ts'
import { endThread, guardPGlite, type PGliteGuard } from './pglite-guard.ts'
import { createWriteAheadLog, LOG_SETTINGS, type WriteAheadLog } from './write-ahead-log.ts'

const SETTINGS = [
  // The default of 128 MB would add that to the server's memory, and the system's file cache lies below anyway.
  'shared_buffers=16MB',
  ...LOG_SETTINGS,
]
const START_PARAMS = [...PGlite.defaultStartParams, ...SETTINGS.flatMap((setting) => ['-c', setting])]

/** The embedded PostgreSQL at work. */
export interface EmbeddedDatabase {
  pg: PGlite
  /** Its write-ahead log. */
  wal: WriteAheadLog
  guard: Pick<PGliteGuard, 'takeFailure'>
}

/**
 * Opens the embedded PostgreSQL in this thread, and makes it first where there is none.
 *
 * What a query acknowledged is in the system's file cache before the query resolves, so it survives the end of
 * the process however that comes. It is not forced to the disk: PGlite never calls fsync, so a power cut can
 * cost the newest rows and, at worst, the database.
 *
 * When PostgreSQL panics the thread ends, with one line on the standard error.
 *
 * @param onShort  told whether the disk has no room for the log, when that changes
 * @throws DatabaseError
 */
export async function openPGlite(
  folder: string,
  onShort?: (isShort: boolean) => void,
): Promise<EmbeddedDatabase> {
  const home = resolve(folder)
  try {
    await mkdir(dirname(home), { recursive: true })
    if (!existsSync(join(home, 'PG_VERSION'))) await make(home)
    const database = await start(home, onShort)
    await database.wal.begin(database.pg)
    return database
  } catch (error) {
    throw unopened(home, error)
  }
}

/** Waits for what is queued, then shuts the database down. */
export async function closePGlite({ pg }: Pick<EmbeddedDatabase, 'pg'>): Promise<void> {
  if (pg.closed) return
  await pg.query('SELECT 1')
  await keepingExitCode(() => pg.close())
}

/** Made beside its place and then renamed: a kill in the middle must not leave half a database that looks whole. */
async function make(home: string): Promise<void> {
  const draft = `${home}.new`
  await rm(draft, { recursive: true, force: true })
  await closePGlite(await start(draft))
  // rmdir() takes away an empty folder only: rename() then refuses one that somebody has put files in.
  await rmdir(home).catch(() => {})
  await rename(draft, home)
}

async function start(home: string, onShort?: (isShort: boolean) => void): Promise<EmbeddedDatabase> {
  const wal = createWriteAheadLog(home, onShort)
  const guard = guardPGlite(wal, (reason) =>
    endThread(
      `vggzoo ends: the embedded database in ${home} cannot go on (${reason}). Nothing that was answered is lost; see that its disk has room and can be written to, and start again.`,
    ),
  )
  try {
    const pg = await keepingExitCode(() =>
      PGlite.create({ dataDir: home, startParams: START_PARAMS, extensions: { guard: guard.extension } }),
    )
    return { pg, wal, guard }
  } catch (error) {
    const code = guard.takeFailure()
    // What PostgreSQL said, where PGlite has only that it was aborted.
    const reason = guard.panic === null ? error : new Error(guard.panic, { cause: error })
    throw code === null ? reason : Object.assign(new Error(firstLine(reason), { cause: error }), { code })
  }
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
