import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Only root may mount a disk. CI does: there its tests are never passed over. */
export const canMount = process.platform === 'linux' && process.getuid?.() === 0
export const skipsSmallDisks = !canMount && process.env.CI === undefined

/** A disk of its own in memory. */
export interface SmallDisk {
  readonly folder: string
  /** Leaves only so many bytes free. */
  fill(free: number): void
  /** Takes away what filled it. */
  empty(): void
  remount(options: string): void
  unmount(): void
}

export function mountSmallDisk(mebibytes: number): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'vggzoo-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder])
  const ballast = join(folder, 'ballast')
  const empty = () => rmSync(ballast, { force: true })
  return {
    folder,
    fill(free) {
      // What fills it already is not free, and goes when the file is written anew.
      empty()
      const { bavail, bsize } = statfsSync(folder)
      try {
        writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - free)))
      } catch (error) {
        // A server at work wrote meanwhile: it is full all the same.
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      }
    },
    empty,
    remount: (options) => void execFileSync('mount', ['-o', `remount,${options}`, folder]),
    unmount() {
      // One that is still in use goes when it no longer is.
      execFileSync('umount', ['-l', folder])
      rmSync(folder, { recursive: true })
    },
  }
}
