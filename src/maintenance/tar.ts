import { Header } from 'tar'

/*
 * A stream of a .tar, written and read as it comes: files and folders with short names, as a data folder has them.
 */

const BLOCK = 512
/** Of an archive's last two blocks. */
const END = Buffer.alloc(2 * BLOCK)

/** The archive is none, or not whole. */
export class DamagedTarError extends Error {
  override readonly name = 'DamagedTarError'
}

/** The header of a file, or of a folder where `size` is null. @param path  with / between its parts */
export function headerOf(path: string, size: number | null, mtime: Date): Buffer {
  const header = new Header({
    path: size === null ? `${path}/` : path,
    size: size ?? 0,
    mtime,
    mode: size === null ? 0o700 : 0o600,
    type: size === null ? 'Directory' : 'File',
  })
  const block = Buffer.alloc(BLOCK)
  const needsMore = header.encode(block, 0)
  if (needsMore || /[^ -~]/.test(path)) throw new Error(`No .tar can have the name ${path}.`)
  return block
}

/** What follows the content of a file, up to the next header. */
export function paddingOf(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK)
}

export const endOfTar = (): Buffer => END

export interface TarEntry {
  /** With / between its parts. */
  path: string
  isFolder: boolean
  size: number
  /** To be read, as far as it is wanted, before the next entry is asked for. */
  content(): AsyncGenerator<Buffer, void>
}

/**
 * The entries of a .tar, in their order.
 * @throws DamagedTarError where it is none, has what none of ours has, or ends before its end
 */
export async function* readTar(source: AsyncIterable<Buffer>): AsyncGenerator<TarEntry, void> {
  const take = taker(source)
  for (let at = 0; ; ) {
    const block = await whole(take, BLOCK)
    const header = parse(block, at)
    if (header === null) return
    const { path, size, isFolder } = header
    let left = size
    async function* content(): AsyncGenerator<Buffer, void> {
      while (left > 0) {
        const piece = await take(left)
        if (piece === null) throw new DamagedTarError('it is cut short')
        left -= piece.length
        yield piece
      }
    }
    yield { path, isFolder, size, content }
    for await (const _ of content());
    const padding = paddingOf(size).length
    if (padding > 0) await whole(take, padding)
    at += BLOCK + size + padding
  }
}

/** Null at the end of the archive. */
function parse(block: Buffer, at: number): Pick<TarEntry, 'path' | 'size' | 'isFolder'> | null {
  let header: Header
  try {
    header = new Header(block, 0)
  } catch {
    throw new DamagedTarError(`at byte ${at} there is no header`)
  }
  if (header.nullBlock) return null
  const { path, size = 0, type, cksumValid } = header
  if (!cksumValid || path === undefined || !Number.isSafeInteger(size)) {
    throw new DamagedTarError(`at byte ${at} there is no header`)
  }
  if (type !== 'File' && type !== 'Directory') {
    throw new DamagedTarError(`it holds ${path}, which is neither a file nor a folder`)
  }
  return { path: path.replace(/\/$/, ''), size, isFolder: type === 'Directory' }
}

/** Takes at most so many of the next bytes, without a copy; null where there are none any more. */
type Take = (most: number) => Promise<Buffer | null>

function taker(source: AsyncIterable<Buffer>): Take {
  const iterator = source[Symbol.asyncIterator]()
  let rest: Buffer = Buffer.alloc(0)
  return async (most) => {
    while (rest.length === 0) {
      const { done, value } = await iterator.next()
      if (done) return null
      rest = value
    }
    const piece = rest.subarray(0, most)
    rest = rest.subarray(piece.length)
    return piece
  }
}

async function whole(take: Take, bytes: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  for (let left = bytes; left > 0; ) {
    const piece = await take(left)
    if (piece === null) throw new DamagedTarError('it is cut short')
    pieces.push(piece)
    left -= piece.length
  }
  return Buffer.concat(pieces)
}
