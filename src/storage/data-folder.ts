import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { syncFolderNow } from './durable.ts'
import { lack } from './room.ts'

/** The folder of a server's data can't be used. The message is one line for the person who starts the server. */
export class DataFolderError extends Error {
  override readonly name = 'DataFolderError'
}

const OTHER_DISK = 'or set DATA_DIR to a folder on another disk'
/** What the system says of a folder, and the way out. */
const WHY: Readonly<Record<string, string>> = {
  EACCES:
    'this user may not use it; make it the property of the user that runs vggzoo, or set another DATA_DIR',
  EPERM:
    'this user may not use it; make it the property of the user that runs vggzoo, or set another DATA_DIR',
  EROFS: `its disk is read-only; mount it for writing, ${OTHER_DISK}`,
  ENOSPC: `its disk is full; make room, ${OTHER_DISK}`,
  EDQUOT: `the quota of disk space is used up; make room, ${OTHER_DISK}`,
  EIO: `its disk fails (EIO); repair it, ${OTHER_DISK}`,
  EEXIST: 'it is a file; move it away, or set another DATA_DIR',
  ENOTDIR: 'a file stands in the place of a folder; move it away, or set another DATA_DIR',
  ENOENT: 'it is not there and cannot be made; make it, or set another DATA_DIR',
  ENAMETOOLONG: 'its path is too long; set another DATA_DIR',
  ELOOP: 'its links lead nowhere; set another DATA_DIR',
  EMFILE: 'too many files are open; raise the limit (ulimit -n)',
}

/** What is wrong with a folder or file by what the system said, and what to do; null where it said nothing of the kind. */
export function folderFailure(error: unknown): string | null {
  const code = (error as NodeJS.ErrnoException | null)?.code
  return typeof code === 'string' && Object.hasOwn(WHY, code) ? WHY[code]! : null
}

/** In a data folder: what is being put back of a backup, until it is whole. */
export const RESTORING = '.restoring'

/** What a server keeps in its folder, and whether it must be able to write there. */
const PARTS = { database: true, artifacts: true, uploads: true, datasets: false }

/**
 * Makes the folder of a server's data, and tries whether it can be used.
 *
 * @param parts  what of it will be used
 * @throws DataFolderError that names the path, what is wrong and what to do
 */
export function prepareDataFolder(
  folder: string,
  parts: readonly (keyof typeof PARTS)[] = ['database', 'artifacts', 'uploads', 'datasets'],
): void {
  orWhatIsWrong(folder, folder, () => {
    makeFolder(resolve(folder))
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
    const probe = join(folder, '.probe')
    try {
      // What is allowed may fail all the same: for want of room, or on another machine's disk.
      writeFileSync(probe, 'vggzoo')
    } finally {
      rmSync(probe, { force: true })
    }
  })
  if (existsSync(join(folder, RESTORING))) {
    throw new DataFolderError(
      `the data folder ${folder} (DATA_DIR) cannot be used: a backup is being restored into it, or that was broken off; then empty the folder and restore again`,
    )
  }
  const wanting = lack(statfsSync(folder))
  if (wanting !== null) {
    throw new DataFolderError(
      `the data folder ${folder} (DATA_DIR) cannot be used: its disk ${wanting}; make room, ${OTHER_DISK}`,
    )
  }
  for (const part of parts) {
    const path = join(folder, part)
    orWhatIsWrong(folder, path, () => {
      const found = statSync(path, { throwIfNoEntry: false })
      if (found === undefined) return
      if (!found.isDirectory()) throw Object.assign(new Error(), { code: 'EEXIST' })
      accessSync(path, constants.R_OK | constants.X_OK | (PARTS[part] ? constants.W_OK : 0))
      const version = join(path, 'PG_VERSION')
      if (part === 'database' && statSync(version, { throwIfNoEntry: false })) {
        accessSync(version, constants.R_OK | constants.W_OK)
      }
    })
  }
}

/** As `recursive` does, which in Node 20 never returns where the system says ENOENT of a parent that is there (/proc). */
function makeFolder(path: string): void {
  if (existsSync(path)) {
    if (!statSync(path).isDirectory()) throw Object.assign(new Error(), { code: 'EEXIST' })
    return
  }
  const parent = dirname(path)
  if (existsSync(parent) && !statSync(parent).isDirectory()) {
    throw Object.assign(new Error(), { code: 'ENOTDIR' })
  }
  if (parent !== path) makeFolder(parent)
  mkdirSync(path)
  syncFolderNow(parent)
}

function orWhatIsWrong(folder: string, path: string, work: () => void): void {
  try {
    work()
  } catch (error) {
    const why = folderFailure(error) ?? (error as Error).message
    const where =
      path === folder ? `the data folder ${folder} (DATA_DIR)` : `${path} in the data folder (DATA_DIR)`
    throw new DataFolderError(`${where} cannot be used: ${why}`, { cause: error })
  }
}
