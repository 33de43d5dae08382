import { AsyncLocalStorage } from 'node:async_hooks'
import { rmSync, type StatsFs, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StorageFullError } from '../errors.ts'

/** Bytes that are always left free, so that work under way can end: a segment of the write-ahead log, or a few checkpoints of a small network. */
export const LEAST_FREE_BYTES = 16 * 2 ** 20
/** Asking costs 5 µs on a local disk, and a round trip on a network's. */
const LOOK_MS = 50
const PROBE_MS = 1000
const PROBE_BYTES = 2 ** 20
const PROBE_FILE = '.room'

/** What becomes of all that waits for room. */
export const GOES_ON = 'Nothing is written there until there is room; then everything goes on by itself.'

/** What a disk answers that takes no more: no fault of what was to be written. */
const WHY: Readonly<Record<string, string>> = {
  ENOSPC: 'has no space left',
  EDQUOT: "has no space left in this user's quota",
  EROFS: 'is read-only',
  EIO: 'fails (EIO)',
}

/** Why a write failed, as the end of a sentence that begins with the disk; null where the disk is not the reason. */
export function diskFailure(error: unknown): string | null {
  const code = (error as NodeJS.ErrnoException | null)?.code
  return typeof code === 'string' && Object.hasOwn(WHY, code) ? WHY[code]! : null
}

/** Whether the disk that a folder is on takes what is to be written. */
export interface Room {
  /** One sentence that says what is wrong, or null. Cheap: ask before every write. */
  problem(): string | null
  /** @throws StorageFullError when something is wrong */
  check(): void
  /**
   * What a failed write tells: for the disk's reasons a StorageFullError, and until a write succeeds again there is a
   * problem, whatever the free space says (a quota); any other error as it is.
   */
  failed(error: unknown): unknown
}

const reserve = new AsyncLocalStorage<true>()

/**
 * Does a few small writes that make room, or end what needs it: a run that is cancelled because the disk is full. They
 * may take of what is always left free.
 */
export function makingRoom<Result>(work: () => PromiseLike<Result>): Promise<Result> {
  // Prisma's promises begin their work when they are awaited.
  return reserve.run(true, async () => await work())
}

/** Whether what runs now was begun by `makingRoom`. */
export function isMakingRoom(): boolean {
  return reserve.getStore() === true
}

/** @param statfs  for tests */
export function watchRoom(folder: string, statfs: (path: string) => StatsFs = statfsSync): Room {
  let lookedAt = Number.NEGATIVE_INFINITY
  let full: string | null = null
  /** Why the last write failed, until one succeeds. */
  let failure: string | null = null
  let probedAt = 0

  function look(): string | null {
    try {
      return lack(statfs(folder))
    } catch (error) {
      return diskFailure(error)
    }
  }

  /** Free space alone does not show a quota, a disk that fails, or one that is read-only. */
  function probe(): void {
    const file = join(folder, PROBE_FILE)
    try {
      writeFileSync(file, Buffer.alloc(PROBE_BYTES))
      failure = null
    } catch (error) {
      failure = diskFailure(error) ?? failure
    } finally {
      rmSync(file, { force: true })
    }
  }

  function problem(): string | null {
    const now = performance.now()
    if (now - lookedAt >= LOOK_MS) {
      full = look()
      lookedAt = now
    }
    if (failure !== null && full === null && now - probedAt >= PROBE_MS) {
      probe()
      probedAt = now
    }
    const why = full ?? failure
    return why === null ? null : `The disk of ${folder} ${why}. ${GOES_ON}`
  }

  return {
    problem,
    check() {
      const why = problem()
      if (why !== null) throw new StorageFullError(why)
    },
    failed(error) {
      if (error instanceof StorageFullError) return error
      const why = diskFailure(error)
      if (why === null) return error
      failure = why
      probedAt = performance.now()
      return new StorageFullError(problem()!, { cause: error })
    },
  }
}

/** Bytes of the disk of a folder: what may still be written, and all. */
export function diskOf(folder: string): { free: number; size: number } {
  const { bsize, bavail, blocks } = statfsSync(folder)
  return { free: bavail * bsize, size: blocks * bsize }
}

/** What the disk of a folder lacks, as the end of a sentence that begins with the disk; null where it has room. */
export function lack({ bsize, bavail, blocks, files, ffree }: StatsFs): string | null {
  // Some file systems tell nothing.
  if (blocks > 0 && bavail * bsize < LEAST_FREE_BYTES) {
    return `is full: ${mebibytes(bavail * bsize)} are free, and ${mebibytes(LEAST_FREE_BYTES)} are needed`
  }
  return files > 0 && ffree === 0 ? 'has no room for another file (no inode is free)' : null
}

export function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 2 ** 20)} MiB`
}
