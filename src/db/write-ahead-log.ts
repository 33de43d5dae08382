import type { PGlite } from '@electric-sql/pglite'

/** How much write-ahead log may pile up: it is disk space, and replayed after a kill (0.4 s for 32 MB). */
const LARGE_BYTES = 32 * 1024 * 1024
/** Asking for the size costs about 0.5 ms. */
const STATEMENTS_PER_LOOK = 100

/**
 * Keeps the write-ahead log of a PGlite short, by a CHECKPOINT (10 to 90 ms) whenever it has grown large.
 *
 * PostgreSQL's own trigger must never fire in PGlite 0.4.3: the checkpoint then runs inside the write that
 * asked for it, waits for the lock that this write holds, and the process spins for ever (seen at 570 MB of
 * log under the default max_wal_size of 1 GB). NO_AUTOMATIC_CHECKPOINT puts it out of reach.
 *
 * @returns to be called after each statement outside a transaction and after each commit
 */
export function keepLogShort(pg: PGlite): () => void {
  let statements = 0
  return () => {
    statements += 1
    if (statements % STATEMENTS_PER_LOOK === 0) checkpointIfLarge(pg).catch(() => {})
  }
}

export const NO_AUTOMATIC_CHECKPOINT = 'max_wal_size=1TB'

async function checkpointIfLarge(pg: PGlite): Promise<void> {
  const { rows } = await pg.query<{ bytes: string }>(
    'SELECT pg_current_wal_insert_lsn() - redo_lsn AS bytes FROM pg_control_checkpoint()',
  )
  if (Number(rows[0]?.bytes) > LARGE_BYTES) await pg.exec('CHECKPOINT')
}
