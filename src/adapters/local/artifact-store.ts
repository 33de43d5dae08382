import { createHash, randomUUID } from 'node:crypto'
import { type BigIntStats, createReadStream, existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ArtifactStore, DamagedArtifactError, type StagedArtifact } from '../../ports/artifact-store.ts'
import { makeFolderDurably, renameDurably, syncFolder, syncTree } from '../../storage/durable.ts'
import { type Room, watchRoom } from '../../storage/room.ts'

const SUFFIX = '.safetensors'
const PENDING = '.pending'

/**
 * Artifacts as files in a folder.
 * @param room  of the disk that the folder is on
 */
export function openArtifactStore(folder: string, room: Room = watchRoom(folder)): ArtifactStore {
  const path = (digest: string) => join(folder, `${digest}${SUFFIX}`)
  const markOf = (digest: string) => join(folder, `${digest}${PENDING}`)
  const derived = (digest: string) => join(folder, `${digest}.derived`)
  /** Identities of files that were read through, by their digests. */
  const verified = new Map<string, string>()
  /** What is being made, by its folder. */
  const deriving = new Map<string, Promise<string>>()
  // Without a folder nothing was ever put.
  const names = () => readdir(folder).catch(() => [] as string[])

  /** @throws StorageFullError */
  const writing = <Result>(work: Promise<Result>) =>
    work.catch((error: unknown): never => {
      throw room.failed(error)
    })

  async function stage(owner = '') {
    await writing(makeFolderDurably(folder))
    room.check()
    const staged = `${owner}.${randomUUID()}.tmp`
    return { staged, path: join(folder, staged) }
  }

  async function adopt({ staged, digest }: StagedArtifact): Promise<void> {
    await mark(digest)
    try {
      await renameDurably(join(folder, staged), path(digest))
    } catch (error) {
      // It was adopted before, by a writer who does not know.
      const isThere = (error as NodeJS.ErrnoException).code === 'ENOENT' && existsSync(path(digest))
      if (!isThere) throw room.failed(error)
      await writing(syncFolder(folder))
    }
  }

  async function mark(digest: string): Promise<void> {
    await writing(makeFolderDurably(folder))
    await writing(writeFile(markOf(digest), ''))
    // Before what it is for: a power cut leaves no file that no row names and that nobody looks for.
    await writing(syncFolder(folder))
  }

  const settle = (digest: string) => rm(markOf(digest), { force: true })

  const unreadable = (digest: string, error: NodeJS.ErrnoException) =>
    new DamagedArtifactError(
      `The weights file ${path(digest)} cannot be read (${error.code ?? error.message}).`,
    )
  const altered = (digest: string) =>
    new DamagedArtifactError(
      `The weights file ${path(digest)} is damaged: its sha256 is not its name. Delete it and train or import again.`,
    )

  async function verify(digest: string): Promise<void> {
    const hash = createHash('sha256')
    try {
      for await (const chunk of createReadStream(path(digest), { highWaterMark: 2 ** 20 })) hash.update(chunk)
    } catch (error) {
      throw unreadable(digest, error as NodeJS.ErrnoException)
    }
    if (hash.digest('hex') !== digest) throw altered(digest)
  }

  async function removeDerived(digest: string, prefix = ''): Promise<void> {
    const folder = derived(digest)
    if (prefix === '') return rm(folder, { recursive: true, force: true })
    for (const key of await readdir(folder).catch(() => [] as string[])) {
      if (key.startsWith(prefix)) await rm(join(folder, key), { recursive: true, force: true })
    }
    // It stays where there is something else in it.
    await rmdir(folder).catch(() => {})
  }

  async function derive(
    digest: string,
    target: string,
    make: (folder: string) => Promise<void>,
    owner?: string,
  ): Promise<string> {
    if (existsSync(target)) return target
    // Where what a killed server leaves is swept.
    const { path: draft } = await stage(owner)
    try {
      await writing(mkdir(draft))
      await make(draft)
      // What is there under its name is whole; where a power cut takes the name away it is made again.
      await writing(syncTree(draft))
      await writing(mkdir(derived(digest), { recursive: true }))
      await writing(
        rename(draft, target).catch(async (error: unknown) => {
          // Another process has made it meanwhile.
          if (!existsSync(target)) throw error
          await rm(draft, { recursive: true, force: true })
        }),
      )
    } catch (error) {
      await rm(draft, { recursive: true, force: true })
      throw error
    }
    // The artifact may have been removed meanwhile, before there was a folder to remove with it.
    if (!existsSync(path(digest))) await removeDerived(digest)
    return target
  }

  return {
    check: room.check,
    stage,
    adopt,
    async release({ staged, digest }) {
      await rename(path(digest), join(folder, staged)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error
      })
    },
    mark,
    settle,
    async pending() {
      const marks = (await names()).filter((name) => name.endsWith(PENDING))
      return marks.map((name) => name.slice(0, -PENDING.length))
    },
    async materialise(digest, { once } = { once: false }) {
      const file = path(digest)
      const identity = await identityOf(file).catch((error: unknown) => {
        throw unreadable(digest, error as NodeJS.ErrnoException)
      })
      if (!once || verified.get(digest) !== identity) {
        await verify(digest)
        verified.set(digest, identity)
      }
      return file
    },
    derive(digest, key, make, owner) {
      const target = join(derived(digest), key)
      const atWork = deriving.get(target)
      if (atWork !== undefined) return atWork
      const work = derive(digest, target, make, owner).finally(() => deriving.delete(target))
      deriving.set(target, work)
      return work
    },
    removeDerived,
    async remove(digest) {
      verified.delete(digest)
      await rm(path(digest), { force: true })
      // Before its mark goes.
      await syncFolder(folder)
      await removeDerived(digest)
    },
    async tidy(owner, finished) {
      for (const name of await names()) {
        const isMine = (owner === undefined || name.startsWith(`${owner}.`)) && !finished?.has(name)
        if (isMine && name.endsWith('.tmp')) await rm(join(folder, name), { recursive: true, force: true })
      }
    },
  }
}

/** Changes when the file is written to or replaced. Not the time of its inode: every further hard link changes that. */
async function identityOf(file: string): Promise<string> {
  const { dev, ino, size, mtimeNs }: BigIntStats = await stat(file, { bigint: true })
  return [dev, ino, size, mtimeNs].join(' ')
}
