import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Room, watchRoom } from '../../storage/room.ts'

export interface Artifact {
  /** sha256 of the content, in hexadecimal. */
  digest: string
  bytes: number
}

/** A finished file that waits for its name: safe on disk, and nobody's until it is adopted. */
export interface StagedArtifact extends Artifact {
  /** Its name in the store's folder. */
  staged: string
}

export class DamagedArtifactError extends Error {
  override readonly name = 'DamagedArtifactError'
}

/** Files under a folder, each named by the sha256 of its content: written once, never changed. */
export interface ArtifactStore {
  /** @throws StorageFullError where the disk has no room for another file */
  check(): void
  /**
   * A path in the folder to write a new file to, where the disk has room (else StorageFullError); what is not adopted is removed by the next `tidy`.
   * @param owner  of letters, digits and dashes: what it leaves can be removed alone
   */
  stage(owner?: string): Promise<{ staged: string; path: string }>
  /** Gives a staged file its name. It is pending until it is settled: a writer that dies in between leaves a mark. */
  adopt(artifact: StagedArtifact): Promise<void>
  /** Takes the name away again: the file is staged, and pending until it is settled. One that is not there is no error. */
  release(artifact: StagedArtifact): Promise<void>
  /** Makes a file pending that perhaps nobody will need: a remover that dies in between leaves the mark. */
  mark(digest: string): Promise<void>
  /** Takes the mark away. */
  settle(digest: string): Promise<void>
  /** The digests of files that were adopted or marked, and not settled. */
  pending(): Promise<string[]>
  /** Reads it through; a missing or altered file is a DamagedArtifactError that names it. */
  verify(digest: string): Promise<void>
  path(digest: string): string
  /** A folder for what is made from this file and can be made again; it goes with the file. */
  derived(digest: string): string
  /** Removes the file and what was made from it; one that is not there is no error. */
  remove(digest: string): Promise<void>
  /**
   * Removes what killed writers, or that of one owner, left unfinished. While none of them writes.
   * @param finished  staged files that are to stay
   */
  tidy(owner?: string, finished?: ReadonlySet<string>): Promise<void>
}

const SUFFIX = '.safetensors'
const PENDING = '.pending'

/** @param room  of the disk that the folder is on */
export function openArtifactStore(folder: string, room: Room = watchRoom(folder)): ArtifactStore {
  const path = (digest: string) => join(folder, `${digest}${SUFFIX}`)
  const markOf = (digest: string) => join(folder, `${digest}${PENDING}`)
  const derived = (digest: string) => join(folder, `${digest}.derived`)
  // Without a folder nothing was ever put.
  const names = () => readdir(folder).catch(() => [] as string[])

  /** @throws StorageFullError */
  const writing = <Result>(work: Promise<Result>) =>
    work.catch((error: unknown): never => {
      throw room.failed(error)
    })

  async function stage(owner = '') {
    await writing(mkdir(folder, { recursive: true }))
    room.check()
    const staged = `${owner}.${randomUUID()}.tmp`
    return { staged, path: join(folder, staged) }
  }

  async function adopt({ staged, digest }: StagedArtifact): Promise<void> {
    await mark(digest)
    try {
      await rename(join(folder, staged), path(digest))
    } catch (error) {
      // It was adopted before, by a writer who does not know.
      const isThere = (error as NodeJS.ErrnoException).code === 'ENOENT' && existsSync(path(digest))
      if (!isThere) throw room.failed(error)
    }
    await writing(syncFolder(folder))
  }

  async function mark(digest: string): Promise<void> {
    await writing(mkdir(folder, { recursive: true }))
    await writing(writeFile(markOf(digest), ''))
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

  return {
    check: room.check,
    path,
    derived,
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
    async verify(digest) {
      const hash = createHash('sha256')
      try {
        for await (const chunk of createReadStream(path(digest), { highWaterMark: 2 ** 20 }))
          hash.update(chunk)
      } catch (error) {
        throw unreadable(digest, error as NodeJS.ErrnoException)
      }
      if (hash.digest('hex') !== digest) throw altered(digest)
    },
    async remove(digest) {
      await rm(path(digest), { force: true })
      await rm(derived(digest), { recursive: true, force: true })
    },
    async tidy(owner, finished) {
      for (const name of await names()) {
        const isMine = (owner === undefined || name.startsWith(`${owner}.`)) && !finished?.has(name)
        if (isMine && name.endsWith('.tmp')) await rm(join(folder, name), { recursive: true, force: true })
      }
    },
  }
}

/** A rename is on disk only when its folder is. */
async function syncFolder(folder: string): Promise<void> {
  // Windows opens no folders, and needs no such call.
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
