import { constants, copyFileSync, lstatSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { LOCK_FILE } from './pglite-disk.ts'
import { SEGMENT_NAME } from './write-ahead-log.ts'

/** The first and the last file of the write-ahead log that a start needs. */
export interface LogRange {
  first: string
  last: string
}

/**
 * Copies the files of an embedded database, as a kill at this moment would leave them: PostgreSQL, which runs in the same
 * thread, does not meanwhile. Segments of the log that are ahead of what was written are left out.
 * @param to  a folder that is not there yet
 */
export function copyDatabase(home: string, to: string, { first, last }: LogRange): void {
  mkdirSync(to, { mode: lstatSync(home).mode })
  for (const entry of readdirSync(home, { withFileTypes: true })) {
    const { name } = entry
    if (name === LOCK_FILE) continue
    const [from, target] = [join(home, name), join(to, name)]
    if (entry.isDirectory()) copyDatabase(from, target, { first, last })
    else if (!SEGMENT_NAME.test(name) || (name >= first && name <= last)) {
      // Where the file system can, the copy shares the blocks of what it is a copy of.
      copyFileSync(from, target, constants.COPYFILE_FICLONE)
    }
  }
}
