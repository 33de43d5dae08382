/**
 * What outlasts a power cut. A file's bytes are on the disk once the file was synced, its name once its folder was:
 * until then the disk may have either without the other, and later writes without earlier ones. So whatever is to be
 * relied on later, because a row names it or a start reads it, is written under another name, synced, renamed, and its
 * folder synced, before anything tells of it.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

/** The system works at so many at once (libuv's threads), and the disk writes what comes together in one go. */
const AT_ONCE = 4

/** Of a folder that is gone, may not be read, or is on a file system that syncs none: there is no more to be done. */
const NO_FOLDER_SYNC = ['ENOENT', 'EACCES', 'EPERM', 'EISDIR', 'EINVAL', 'EBADF', 'ENOTSUP', 'ENOSYS']

/** What was made, renamed or removed in a folder is on the disk when this resolves. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows opens no folders, and needs no such call.
  if (process.platform !== 'win32') await syncFile(folder).catch(unlessPossible)
}

/** The same, before it returns. */
export function syncFolderNow(folder: string): void {
  if (process.platform === 'win32') return
  try {
    const descriptor = openSync(folder, 'r')
    try {
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    unlessPossible(error)
  }
}

function unlessPossible(error: unknown): void {
  if (!NO_FOLDER_SYNC.includes((error as NodeJS.ErrnoException).code ?? '')) throw error
}

/** What was written to a file, by whomever, is on the disk when this resolves. */
export async function syncFile(path: string): Promise<void> {
  // Windows syncs only what may be written to.
  const handle = await open(path, process.platform === 'win32' ? 'r+' : 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export async function syncFiles(paths: readonly string[]): Promise<void> {
  const left = paths.values()
  const lane = async () => {
    for (const path of left) await syncFile(path)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
}

/** Syncs a folder with all that is in it. */
export async function syncTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  const paths = (wanted: 'isFile' | 'isDirectory') =>
    entries.filter((entry) => entry[wanted]()).map(({ parentPath, name }) => join(parentPath, name))
  await syncFiles(paths('isFile'))
  for (const path of [...paths('isDirectory'), folder]) await syncFolder(path)
}

/** Gives a file or folder, whose content was synced, the name that counts. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to)
  await syncFolder(dirname(to))
}

/** Writes a file whole: the disk has the old one or the new one, and the new one when this resolves. */
export async function writeDurably(file: string, content: string | Uint8Array): Promise<void> {
  const draft = `${file}.new`
  try {
    await writeFile(draft, content, { flush: true })
    await renameDurably(draft, file)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

/** The same, before it returns. */
export function writeDurablyNow(file: string, content: string | Uint8Array): void {
  const draft = `${file}.new`
  try {
    writeFileSync(draft, content, { flush: true })
    renameSync(draft, file)
    syncFolderNow(dirname(file))
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
}

/** Makes a folder where there is none, with those that it is in. */
export async function makeFolderDurably(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true })
  if (first === undefined) return
  // What lists the new ones: from the folder that was there before.
  for (let path = resolve(folder); path.length >= first.length; path = dirname(path)) {
    await syncFolder(dirname(path))
  }
}
