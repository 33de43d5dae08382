import { existsSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { readMigrations } from '../db/migrations.ts'
import { claim } from '../db/single-owner.ts'
import { folderFailure, RESTORING } from '../storage/data-folder.ts'
import { syncFolder, syncTree } from '../storage/durable.ts'
import { writeWhole } from '../storage/whole.ts'
import { BackupError, type BackupFacts } from './format.ts'
import { readBackup } from './read-backup.ts'

/** What a folder may have in it that is taken for empty: the root of a disk, and where a killed process has claimed it. */
const NOTHING = new Set(['lost+found', 'owner.sock'])
/** The last of them makes it the folder of a server. */
const PARTS = ['datasets', 'artifacts', 'database.dump', 'database']

/**
 * Puts a backup back into a folder that is empty or not there: all of it, on the disk, or nothing. Until it is whole it
 * lies in a folder beside its place, on the same disk whatever is mounted there; no server starts with that.
 * @throws BackupError, AlreadyClaimedError, or the signal's reason
 */
export async function restoreBackup(file: string, to: string, signal?: AbortSignal): Promise<BackupFacts> {
  const folder = resolve(to)
  const wasThere = existsSync(folder)
  await checkEmpty(folder)
  const draft = join(folder, RESTORING)
  await orWhatIsWrong(folder, mkdir(folder, { recursive: true }))
  const owner = await claim(folder)
  try {
    await orWhatIsWrong(folder, mkdir(draft))
    const facts = await readBackup(file, unpackInto(draft, folder), signal)
    await orWhatIsWrong(folder, syncTree(draft))
    signal?.throwIfAborted()
    for (const part of PARTS) {
      if (existsSync(join(draft, part))) await rename(join(draft, part), join(folder, part))
    }
    await syncFolder(folder)
    await rmdir(draft)
    await syncFolder(folder)
    await syncFolder(dirname(folder))
    return facts
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    await owner.release()
    if (!wasThere) await rmdir(folder).catch(() => {})
    throw error
  } finally {
    await owner.release()
  }
}

async function checkEmpty(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw new BackupError(`${folder} cannot be used: ${folderFailure(error) ?? error.message}.`)
  })
  const found = names.find((name) => !NOTHING.has(name))
  if (found === RESTORING) {
    throw new BackupError(
      `A restore into ${folder} was broken off. Remove ${join(folder, RESTORING)}, and restore again.`,
    )
  }
  if (found !== undefined) {
    throw new BackupError(
      `${folder} is not empty (${found}): a backup is put into an empty folder. Move that one away, or give another.`,
    )
  }
}

function unpackInto(draft: string, folder: string) {
  return {
    facts({ migration, vggzoo }: BackupFacts) {
      if (readMigrations().list.some(({ name }) => name === migration)) return
      throw new BackupError(
        `The backup was made by vggzoo ${vggzoo}, whose database this version does not know (migration ${migration}); use that version, or a newer one.`,
      )
    },
    folder: async (path: string) => {
      await orWhatIsWrong(folder, mkdir(join(draft, path), { recursive: true, mode: 0o700 }))
    },
    async file(path: string, content: AsyncIterable<Buffer>) {
      const target = join(draft, path)
      if (!existsSync(dirname(target)))
        await orWhatIsWrong(folder, mkdir(dirname(target), { recursive: true }))
      const handle = await orWhatIsWrong(folder, open(target, 'wx', 0o600))
      try {
        for await (const piece of content) await orWhatIsWrong(folder, writeWhole(handle, piece))
      } finally {
        await handle.close()
      }
    },
  }
}

/** Of what is written: what is read has reasons of its own. */
async function orWhatIsWrong<Result>(folder: string, work: Promise<Result>): Promise<Result> {
  try {
    return await work
  } catch (error) {
    const why = folderFailure(error)
    if (why === null) throw error
    throw new BackupError(`${folder} cannot be written: ${why}.`, { cause: error })
  }
}
