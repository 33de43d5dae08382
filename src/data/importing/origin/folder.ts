import { constants } from 'node:fs'
import { lstat, open, readdir } from 'node:fs/promises'
import { ImportRefusedError } from '../refusal.ts'
import {
  asUtf8,
  createListing,
  DamagedFileError,
  type Listing,
  type OriginFile,
  readPath,
  type Skip,
  shown,
} from './listing.ts'

const SLASH = Buffer.from('/')
const PIECE_BYTES = 1024 * 1024

/** A file is opened as itself, and never waits for a writer, whatever took its place since it was listed. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Lists a folder of this machine with everything below it; links are not followed. */
export async function listFolder(root: string, skip: Skip): Promise<Listing> {
  const listing = createListing(skip)
  // Names are bytes: not all of them are UTF-8.
  const waiting: { at: Buffer; path: string }[] = [{ at: Buffer.from(root), path: '' }]
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    for (const entry of await entriesOf(folder)) {
      const name = entry.name as unknown as Buffer
      const text = `${folder.path}${asUtf8(name) ?? name.toString('latin1')}`
      listing.count(text)
      const at = Buffer.concat([folder.at, SLASH, name])
      const read = readPath(text, true)
      if ('unsafe' in read) skip(shown(text), `${read.unsafe}: left out.`)
      else if (entry.isSymbolicLink()) skip(read.path, 'It is a link, and links are not followed: left out.')
      else if (entry.isDirectory()) {
        listing.addFolder(read.path)
        waiting.push({ at, path: `${text}/` })
      } else if (!entry.isFile()) skip(read.path, 'It is no file: left out.')
      else {
        const file = await fileAt(at, read.path).catch((error: unknown) =>
          skip(read.path, unreadable(error).message),
        )
        if (file !== undefined) listing.add(file)
      }
    }
  }
  return listing

  async function entriesOf({ at, path }: { at: Buffer; path: string }) {
    try {
      return await readdir(at, { withFileTypes: true, encoding: 'buffer' })
    } catch (error) {
      const why = unreadable(error).message
      if (path === '') throw new ImportRefusedError(`The folder ${root} is no data set. ${why}`)
      skip(path.slice(0, -1), why)
      return []
    }
  }
}

/** Permissions, a file that is gone, or a link that came in its place: its own affair. */
function unreadable(error: unknown): DamagedFileError {
  const { code } = error as NodeJS.ErrnoException
  if (code === undefined || !['EACCES', 'EPERM', 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(code))
    throw error
  return new DamagedFileError(`It cannot be read (${code}).`)
}

/** A file of this machine. */
export async function fileAt(at: Buffer | string, path: string): Promise<OriginFile> {
  const { size: bytes } = await lstat(at)
  async function* pieces(): AsyncGenerator<Uint8Array, void> {
    const handle = await open(at, FLAGS).catch((error: unknown) => {
      throw unreadable(error)
    })
    try {
      const stats = await handle.stat()
      if (!stats.isFile() || stats.size !== bytes) throw new DamagedFileError('It was altered meanwhile.')
      for (let begin = 0; begin < bytes; ) {
        const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, bytes - begin))
        const { bytesRead } = await handle.read(piece, 0, piece.length, begin)
        if (bytesRead === 0) throw new DamagedFileError('It was cut short meanwhile.')
        begin += bytesRead
        yield piece.subarray(0, bytesRead)
      }
    } finally {
      await handle.close()
    }
  }
  return {
    path,
    bytes,
    open: pieces,
    async read() {
      const all: Uint8Array[] = []
      for await (const piece of pieces()) all.push(piece)
      return all.length === 1 ? all[0]! : Buffer.concat(all)
    },
  }
}
