import { existsSync } from 'node:fs'
import { rm, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { makeFolderDurably, renameDurably, syncTree } from '../storage/durable.ts'
import { firstLine, unopened } from './database-error.ts'
import { DISK_SETTINGS, LOCK_FILE } from './pglite-disk.ts'
import { endThread, guardPGlite, type PGliteGuard } from './pglite-guard.ts'
import { createWriteAheadLog, LOG_SETTINGS, type WriteAheadLog } from './write-ahead-log.ts'

const SETTINGS = [
  // The default of 128 MB would add that to the server's memory, and the system's file cache lies below anyway.
  'shared_buffers=16MB',
  ...LOG_SETTINGS,
  ...DISK_SETTINGS,
]
/** Among PGlite's own: fsync=off. */
const NO_SYNC = '-F'
const START_PARAMS = [
  ...PGlite.defaultStartParams.filter((parameter) => parameter !== NO_SYNC),
  ...SETTINGS.flatMap((setting) => ['-c', setting]),
]

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
 * What a query acknowledged is on the disk before the query resolves, so it survives the end of the process and of the
 * machine's power, however these come.
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
    await makeFolderDurably(dirname(home))
    if (!existsSync(join(home, 'PG_VERSION'))) await make(home)
    await takeOver(home)
    const database = await start(home, START_PARAMS, onShort)
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

/**
 * Of a process that did not shut it down: what it wrote may still be on its way to the disk, and what PostgreSQL reads it
 * takes to be there. Its owner is known otherwise (single-owner.ts); beside a lock file that a power cut has left empty
 * PostgreSQL refuses to start.
 */
async function takeOver(home: string): Promise<void> {
  const lock = join(home, LOCK_FILE)
  if (!existsSync(lock)) return
  await syncTree(home)
  await rm(lock)
}

/** Made beside its place and then renamed: what ends it in the middle must not leave half a database that looks whole. */
async function make(home: string): Promise<void> {
  const draft = `${home}.new`
  await rm(draft, { recursive: true, force: true })
  // At once is a fraction of the time of file by file.
  await closePGlite(await start(draft, [...START_PARAMS, NO_SYNC]))
  await syncTree(draft)
  // rmdir() takes away an empty folder only: rename() then refuses one that somebody has put files in.
  await rmdir(home).catch(() => {})
  await renameDurably(draft, home)
}

async function start(
  home: string,
  startParams: string[],
  onShort?: (isShort: boolean) => void,
): Promise<EmbeddedDatabase> {
  const wal = createWriteAheadLog(home, onShort)
  const guard = guardPGlite(wal, (reason) =>
    endThread(
      `vggzoo ends: the embedded database in ${home} cannot go on (${reason}). Nothing that was answered is lost; see that its disk has room and can be written to, and start again.`,
    ),
  )
  try {
    const pg = await keepingExitCode(() =>
      PGlite.create({ dataDir: home, startParams, extensions: { guard: guard.extension } }),
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
