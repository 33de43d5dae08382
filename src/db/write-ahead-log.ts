import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { PGlite } from '@electric-sql/pglite'
import { syncFolderNow } from '../storage/durable.ts'

const SEGMENT_BYTES = 16 * 2 ** 20
/** Segments ahead of the one that is written. The last of them is for what has begun when the disk becomes full. */
const SPARE_SEGMENTS = 2
/** How much may pile up before a CHECKPOINT: it is disk space, and replayed after a kill (0.4 s for 32 MB). */
const SEGMENTS_PER_CHECKPOINT = 2

export const LOG_SETTINGS = [
  // A checkpoint keeps so much: what it would delete becomes the next segments.
  `min_wal_size=${(SPARE_SEGMENTS + 1) * (SEGMENT_BYTES / 2 ** 20)}MB`,
  // PostgreSQL's own trigger must never fire in PGlite 0.4.3: the checkpoint then runs inside the write that asked for
  // it, waits for the lock that this write holds, and the process spins for ever (seen at 570 MB of log under the
  // default of 1 GB). This puts it out of reach.
  'max_wal_size=1TB',
  // Or each checkpoint writes a small new file for them, and panics when it can't.
  'max_replication_slots=0',
]

/** Of its files: the timeline, then the segment's number. */
export const SEGMENT_NAME = /^[0-9A-F]{24}$/
/** Of a segment that is being made. */
const DRAFT = '.tmp'

/**
 * The write-ahead log of an embedded database: keeps it short, and keeps room for it.
 *
 * PostgreSQL panics when it can't have the next segment of its log. So the next ones are always there, as files of
 * zeros that take their whole space on the disk: it finds and uses them, as it does those that it has made ahead itself.
 */
export interface WriteAheadLog {
  /** From now on it is kept short, and has room. */
  begin(pg: PGlite): Promise<void>
  /** A file of the log's folder is written to. */
  written(name: string): void
  /** No segment is ahead any more and the disk has no room for one: what is written now may be the last. */
  readonly isShort: boolean
  /** What is written now makes the log shorter. */
  readonly isCheckpointing: boolean
  /** To be called after each statement outside a transaction, and after each commit and rollback. */
  executed(): void
}

/**
 * @param home     the folder of the database
 * @param onShort  told what `isShort` is, whenever it may be another
 */
export function createWriteAheadLog(
  home: string,
  onShort: (isShort: boolean) => void = () => {},
): WriteAheadLog {
  const folder = join(home, 'pg_wal')
  let pg: PGlite | undefined
  let timeline = ''
  let current = 0
  /** Where the last checkpoint began. */
  let checkpointed = 0
  let spare = SPARE_SEGMENTS
  let checkpoint: Promise<void> | undefined
  let isCheckpointing = false
  /** In a full disk's log a checkpoint that gained nothing gains nothing again before more is written. */
  let gainedNothingAt = -1

  /** In one go: PostgreSQL does not run meanwhile, and can't make the same segment. */
  function reserve(): void {
    for (spare = 0; spare < SPARE_SEGMENTS; spare++) {
      const file = join(folder, `${timeline}${nameOf(current + spare + 1)}`)
      if (!existsSync(file) && !makeSegment(file)) break
    }
    onShort(spare === 0)
  }

  async function shorten(): Promise<void> {
    const before = current
    try {
      // A transaction, so that nothing else runs while it is said that this runs.
      await pg!.transaction(async (tx) => {
        isCheckpointing = true
        await tx.exec('CHECKPOINT')
      })
      checkpointed = before
    } finally {
      isCheckpointing = false
      checkpoint = undefined
      reserve()
      gainedNothingAt = spare === 0 ? current : -1
    }
  }

  return {
    async begin(database) {
      const { rows } = await database.query<{ now: string; redo: string }>(
        'SELECT pg_walfile_name(pg_current_wal_insert_lsn()) AS now, pg_walfile_name(redo_lsn) AS redo FROM pg_control_checkpoint()',
      )
      const { now, redo } = rows[0]!
      timeline = now.slice(0, 8)
      current = numberOf(now)
      checkpointed = numberOf(redo)
      pg = database
      for (const name of readdirSync(folder)) if (name.endsWith(DRAFT)) rmSync(join(folder, name))
      reserve()
    },
    written(name) {
      if (pg === undefined || !SEGMENT_NAME.test(name) || numberOf(name) <= current) return
      current = numberOf(name)
      reserve()
    },
    get isShort() {
      return pg !== undefined && spare === 0
    },
    get isCheckpointing() {
      return isCheckpointing
    },
    executed() {
      if (pg === undefined || checkpoint !== undefined) return
      // Somebody may have made room meanwhile.
      if (spare < SPARE_SEGMENTS) reserve()
      const isLarge = current - checkpointed >= SEGMENTS_PER_CHECKPOINT
      if (!isLarge && !(spare === 0 && current > gainedNothingAt)) return
      checkpoint = shorten()
      // It is tried again after the next statement.
      checkpoint.catch(() => {})
    },
  }
}

/** False where the disk has no room for it. */
function makeSegment(file: string): boolean {
  const draft = `${file}${DRAFT}`
  const zeros = Buffer.alloc(2 ** 20)
  try {
    const descriptor = openSync(draft, 'w', 0o600)
    try {
      for (let bytes = 0; bytes < SEGMENT_BYTES; ) bytes += writeSync(descriptor, zeros)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(draft, file)
    // What is written to it may be acknowledged: its name must be there, too.
    syncFolderNow(dirname(file))
    return true
  } catch {
    rmSync(draft, { force: true })
    return false
  }
}

/** The name of a segment, after its timeline: the number's upper and lower part (256 segments are 4 GiB). */
function nameOf(segment: number): string {
  const part = (value: number) => value.toString(16).toUpperCase().padStart(8, '0')
  return part(Math.floor(segment / 256)) + part(segment % 256)
}

function numberOf(name: string): number {
  return Number.parseInt(name.slice(8, 16), 16) * 256 + Number.parseInt(name.slice(16), 16)
}
