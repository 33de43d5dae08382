import { type StatsFs, statfsSync } from 'node:fs'
import { StorageFullError } from '../errors.ts'
import { mebibytes } from './room.ts'

/** What is to stay free where no setting says so; of a small disk the share. */
const USUAL_BYTES = 2 ** 30
const USUAL_SHARE = 0.05
/** There has to be more by this, before it is no longer low: what was held back would be held back again at once. */
const MARGIN = 1.1
const LOOK_MS = 1000

/**
 * A disk that is nearly full. What takes much of it is held back while there is still room for all that has been begun:
 * for checkpoints, for the database, for who deletes something.
 */
export interface LowWater {
  /** One sentence that says how little is free, or null. Cheap. */
  problem(): string | null
  /** @throws StorageFullError while it is low */
  check(): void
  /** Calls back, within a second, when it becomes low and when it no longer is. @returns forgets it */
  watch(changed: () => void): () => void
  close(): Promise<void>
}

/** Of a disk that nobody else fills. */
export const NEVER_LOW: LowWater = {
  problem: () => null,
  check() {},
  watch: () => () => {},
  async close() {},
}

/**
 * @param minFreeBytes  what is to stay free; null for 1 GiB, and 5 % of a disk below 20 GiB
 * @param statfs  for tests
 */
export function watchLowWater(
  folder: string,
  minFreeBytes: number | null,
  statfs: (path: string) => StatsFs = statfsSync,
): LowWater {
  const watchers = new Set<() => void>()
  let lookedAt = Number.NEGATIVE_INFINITY
  let problem: string | null = null

  function look(): void {
    lookedAt = performance.now()
    const was = problem
    problem = lack(was !== null)
    if ((was === null) !== (problem === null)) for (const changed of watchers) changed()
  }

  function lack(isLow: boolean): string | null {
    let stats: StatsFs
    try {
      stats = statfs(folder)
    } catch {
      // What is wrong with it is told where it is written to.
      return problem
    }
    const { bsize, bavail, blocks } = stats
    const free = bavail * bsize
    const least = minFreeBytes ?? Math.min(USUAL_BYTES, blocks * bsize * USUAL_SHARE)
    // Some file systems tell nothing.
    if (blocks === 0 || free >= least * (isLow ? MARGIN : 1)) return null
    return `The disk of ${folder} is nearly full: ${mebibytes(free)} are free, and ${mebibytes(least)} are to stay so (MIN_FREE_BYTES). Training waits, and uploads and imports are refused, until there is more.`
  }

  const current = () => {
    if (performance.now() - lookedAt >= LOOK_MS) look()
    return problem
  }
  const looking = setInterval(look, LOOK_MS).unref()
  return {
    problem: current,
    check() {
      const why = current()
      if (why !== null) throw new StorageFullError(why)
    },
    watch(changed) {
      // An own function each time: the same one may watch twice.
      const entry = () => changed()
      watchers.add(entry)
      return () => void watchers.delete(entry)
    },
    async close() {
      clearInterval(looking)
    },
  }
}
