import { copyFile, link, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createRemovals, type Removals } from '../../concurrency/removals.ts'
import { syncFile } from '../../storage/durable.ts'
import { datasetFile } from '../dataset.ts'
import { emptyFolder } from '../empty-folder.ts'

/*
 * A server's folder of data sets:
 *
 *   cifar10.bin  pets@2.bin   prepared files
 *   imports/ID/given/         what was sent for a version that is not imported yet: `archive`, or pictures and their list
 *   imports/ID/work/          what its import leaves on the way
 *   uploads/ID/               pictures that are sent in several calls, and their list
 */

export interface ImportFolders {
  /** Of one version. */
  given(versionId: string): string
  /** The same, empty. */
  work(versionId: string): Promise<string>
  remove(versionId: string): Promise<void>
  /** Only what its import left on the way: what was sent stays. */
  removeWork(versionId: string): Promise<void>
  /** The prepared file of a version that is not READY any more. */
  removePrepared(reference: string): Promise<void>
  /** Removes those of versions that are not among these, and prepared files of versions that are not. */
  sweep(wanted: ReadonlySet<string>, ready: ReadonlySet<string>): Promise<void>
}

/** What an archive is called among what was given. */
export const ARCHIVE = 'archive'

/** @param removals  held while files are copied or checked */
export function createImportFolders(folder: string, removals: Removals = createRemovals()): ImportFolders {
  const imports = join(folder, 'imports')
  const removed = async (path: string) => {
    const remove = () => rm(path, { recursive: true, force: true })
    if (!removals.postpone(remove)) await remove()
  }
  return {
    given: (id) => join(imports, id, 'given'),
    async work(id) {
      const work = join(imports, id, 'work')
      await emptyFolder(work)
      return work
    },
    remove: (id) => removed(join(imports, id)),
    removeWork: (id) => rm(join(imports, id, 'work'), { recursive: true, force: true }),
    removePrepared: (reference) => removed(datasetFile(folder, reference)),
    async sweep(wanted, ready) {
      for (const id of await namesIn(imports)) {
        if (!wanted.has(id)) await rm(join(imports, id), { recursive: true, force: true })
      }
      for (const name of await namesIn(folder)) {
        const reference = /^([a-z][a-z0-9_]*@\d+)\.bin/.exec(name)?.[1]
        if (reference !== undefined && !(ready.has(reference) && name === `${reference}.bin`)) {
          await rm(join(folder, name), { force: true })
        }
      }
    },
  }
}

export async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
}

/**
 * A second name for a file that goes with its request; its bytes, where the disk knows no second names.
 * @param file  is on the disk (syncFiles)
 */
export async function keep(file: string, as: string): Promise<void> {
  try {
    await link(file, as)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (!['EXDEV', 'EPERM', 'ENOTSUP', 'EMLINK', 'ENOSYS'].includes(code ?? '')) throw error
    await copyFile(file, as)
    await syncFile(as)
  }
}
