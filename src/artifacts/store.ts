import { createHash } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

export interface Artifact {
  /** sha256 of the content, in hexadecimal. */
  digest: string
  bytes: number
}

export class DamagedArtifactError extends Error {
  override readonly name = 'DamagedArtifactError'
}

/** Files under a folder, each named by the sha256 of its content: written once, never changed. */
export interface ArtifactStore {
  put(content: Uint8Array): Promise<Artifact>
  /** Reads and verifies; a missing or altered file is a DamagedArtifactError that names it. */
  get(digest: string): Promise<Buffer>
  path(digest: string): string
  /** Removes what a killed writer left unfinished. While nobody writes. */
  tidy(): Promise<void>
}

export function openArtifactStore(folder: string): ArtifactStore {
  const path = (digest: string) => join(folder, `${digest}.safetensors`)
  return {
    path,
    async tidy() {
      // Without a folder nothing was ever put.
      const names = await readdir(folder).catch(() => [])
      for (const name of names) if (name.endsWith('.tmp')) await rm(join(folder, name), { force: true })
    },
    async put(content) {
      await mkdir(folder, { recursive: true })
      const digest = sha256(content)
      const temporary = `${path(digest)}.${process.pid}.tmp`
      try {
        const file = await open(temporary, 'w')
        try {
          await file.writeFile(content)
          await file.sync()
        } finally {
          await file.close()
        }
        await rename(temporary, path(digest))
      } catch (error) {
        await rm(temporary, { force: true })
        throw error
      }
      return { digest, bytes: content.byteLength }
    },
    async get(digest) {
      const content = await readFile(path(digest)).catch((error: NodeJS.ErrnoException) => {
        throw new DamagedArtifactError(
          `The weights file ${path(digest)} cannot be read (${error.code ?? error.message}).`,
        )
      })
      if (sha256(content) !== digest) {
        throw new DamagedArtifactError(
          `The weights file ${path(digest)} is damaged: its sha256 is not its name. Delete it and train again.`,
        )
      }
      return content
    },
  }
}

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
