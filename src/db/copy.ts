import type { Prisma, PrismaClient } from './generated/client.ts'
import type { DatabaseThread } from './pglite-host.ts'
import { dumpPostgres } from './postgres-dump.ts'

/** What rows are read with. */
export type Reading = Prisma.TransactionClient

/** A file system may be slow, and a database large. */
const COPY_MS = 60 * 60 * 1000
/** For a transaction that is under way. */
const MAX_WAIT_MS = 60_000

/** What was read at the moment of a copy. */
export interface Moment<Rows> {
  rows: Rows
  /** How long others had to wait for the database. */
  pausedMs: number
}

/**
 * Copies the files of the embedded database into a folder that is not there yet, and reads rows, as all are at one
 * moment: one transaction, and PGlite runs one at a time. Others wait meanwhile.
 */
export async function copyEmbedded<Rows>(
  prisma: PrismaClient,
  thread: Pick<DatabaseThread, 'copy'>,
  to: string,
  read: (tx: Reading) => Promise<Rows>,
): Promise<Moment<Rows>> {
  // What the one below would write while all wait.
  await prisma.$executeRaw`CHECKPOINT`
  let begun = 0
  const rows = await prisma.$transaction(
    async (tx) => {
      begun = performance.now()
      const found = await read(tx)
      // Now the files have everything, and a start has next to nothing to replay.
      await tx.$executeRaw`CHECKPOINT`
      const [log] = await tx.$queryRaw<[{ first: string; last: string }]>`
        SELECT pg_walfile_name(redo_lsn) AS first, pg_walfile_name(pg_current_wal_insert_lsn()) AS last
        FROM pg_control_checkpoint()`
      await thread.copy(to, log)
      return found
    },
    { maxWait: MAX_WAIT_MS, timeout: COPY_MS },
  )
  return { rows, pausedMs: performance.now() - begun }
}

/**
 * Has `pg_dump` write a PostgreSQL database to a file, and reads rows, as both are at one moment: of a snapshot that
 * they share. Nobody waits.
 * @throws DatabaseError, or the signal's reason
 */
export async function copyPostgres<Rows>(
  prisma: PrismaClient,
  url: string,
  file: string,
  read: (tx: Reading) => Promise<Rows>,
  signal: AbortSignal,
): Promise<Moment<Rows>> {
  const rows = await prisma.$transaction(
    async (tx) => {
      const [{ snapshot }] = await tx.$queryRaw<
        [{ snapshot: string }]
      >`SELECT pg_export_snapshot() AS snapshot`
      const found = await read(tx)
      await dumpPostgres(url, snapshot, file, signal)
      return found
    },
    { maxWait: MAX_WAIT_MS, timeout: COPY_MS, isolationLevel: 'RepeatableRead' },
  )
  return { rows, pausedMs: 0 }
}
