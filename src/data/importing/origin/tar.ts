import type { FileHandle } from 'node:fs/promises'
import { Header, Pax } from 'tar'
import { readWhole } from '../../../storage/whole.ts'
import { ImportRefusedError } from '../refusal.ts'
import {
  asUtf8,
  createListing,
  DamagedFileError,
  type Listing,
  readPath,
  type Skip,
  shown,
} from './listing.ts'

const BLOCK = 512
/** Of a header that holds a long name, or records of the next file. */
const MAX_EXTENDED = 1024 * 1024
const PIECE_BYTES = 1024 * 1024

const FILES = new Set(['File', 'OldFile', 'ContiguousFile'])
const LINKS = new Set(['Link', 'SymbolicLink'])

/** Whether a file begins as a .tar does: by the checksum of its first header. */
export function isTar(head: Uint8Array): boolean {
  const block = Buffer.from(head.buffer, head.byteOffset, head.byteLength)
  return block.length >= BLOCK && headerOf(block)?.cksumValid === true
}

/** Null where it cannot be one. */
function headerOf(block: Buffer, pax?: Pax): Header | null {
  try {
    return new Header(block, 0, pax)
  } catch {
    // A number that is none.
    return null
  }
}

/**
 * Lists a .tar: its headers alone are read, and the files later, each at its place.
 * @throws ImportRefusedError
 */
export async function listTar(handle: FileHandle, maxBytes: number, skip: Skip): Promise<Listing> {
  const { size } = await handle.stat()
  const listing = createListing(skip)
  let next: Extended = {}
  for (let at = 0; at + BLOCK <= size; ) {
    const block = await readAt(handle, at, BLOCK)
    const header = headerOf(block, next.pax)
    if (header?.nullBlock) break
    if (!header?.cksumValid) throw damaged(`at byte ${at} there is no header`)
    const bytes = header.size ?? 0
    const begin = at + BLOCK
    if (!Number.isSafeInteger(bytes) || begin + bytes > size) throw damaged('it is cut short')
    at = begin + Math.ceil(bytes / BLOCK) * BLOCK
    if (isExtension(header.type)) {
      if (bytes > MAX_EXTENDED) throw damaged(`a header at byte ${begin} has ${bytes} bytes`)
      next = extend(next, header.type, await readAt(handle, begin, bytes))
      continue
    }
    const name = next.name ?? next.pax?.path ?? nameOf(header, block)
    next = {}
    listing.count(name)
    const read = readPath(name)
    if ('unsafe' in read) skip(shown(name), `${read.unsafe}: left out.`)
    else if (header.type === 'Directory') listing.addFolder(read.path)
    else if (LINKS.has(header.type)) skip(read.path, 'It is a link, and links are not followed: left out.')
    else if (!FILES.has(header.type)) skip(read.path, `It is no file (${header.type}): left out.`)
    else listing.add({ path: read.path, bytes, ...contentOf(handle, begin, bytes) })
  }
  if (size > maxBytes) {
    throw new ImportRefusedError(
      `Unpacked, the archive has ${size} bytes, and ${maxBytes} are taken: send fewer or smaller pictures.`,
    )
  }
  return listing
}

/** What headers before a file's own say of it. */
interface Extended {
  name?: string
  pax?: Pax
}

const isExtension = (type: string) =>
  [
    'ExtendedHeader',
    'OldExtendedHeader',
    'GlobalExtendedHeader',
    'NextFileHasLongPath',
    'NextFileHasLongLinkpath',
    'OldGnuLongPath',
  ].includes(type)

function extend(next: Extended, type: string, content: Buffer): Extended {
  switch (type) {
    case 'ExtendedHeader':
    case 'OldExtendedHeader':
      return { ...next, pax: Pax.parse(content.toString('utf8'), next.pax) }
    case 'NextFileHasLongPath':
    case 'OldGnuLongPath': {
      const end = content.indexOf(0)
      return { ...next, name: decode(end < 0 ? content : content.subarray(0, end)) }
    }
    default:
      // Of all files, where it is no name; or of a link's target.
      return next
  }
}

/** The header's own fields, whatever encoding they have. */
function nameOf(header: Header, block: Buffer): string {
  if (header.path !== undefined && !header.path.includes('\ufffd')) return header.path
  const field = (begin: number, length: number) => {
    const bytes = block.subarray(begin, begin + length)
    const end = bytes.indexOf(0)
    return decode(end < 0 ? bytes : bytes.subarray(0, end))
  }
  const prefix = block.toString('latin1', 257, 262) === 'ustar' ? field(345, 155) : ''
  return prefix === '' ? field(0, 100) : `${prefix}/${field(0, 100)}`
}

const decode = (bytes: Buffer) => asUtf8(bytes) ?? bytes.toString('latin1')

function contentOf(handle: FileHandle, begin: number, bytes: number) {
  return {
    read: () => readAt(handle, begin, bytes),
    async *open() {
      for (let at = 0; at < bytes; at += PIECE_BYTES)
        yield await readAt(handle, begin + at, Math.min(PIECE_BYTES, bytes - at))
    },
  }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length)
  if (await readWhole(handle, buffer, position)) return buffer
  throw new DamagedFileError('It is cut short in the archive.')
}

function damaged(what: string): ImportRefusedError {
  return new ImportRefusedError(`The .tar is damaged: ${what}. Pack it anew, and send all of it.`)
}
