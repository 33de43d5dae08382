import type { FileHandle } from 'node:fs/promises'
import { promisify } from 'node:util'
import { crc32, inflateRaw } from 'node:zlib'
import { type Entry, fromFdPromise, getFileNameLowLevel, type ZipFile } from 'yauzl'
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

const inflate = promisify(inflateRaw)

const STORED = 0
const DEFLATED = 8

/** More than this in all, unpacked, is a bomb where it is so many times the archive; pictures are never packed so well. */
const BOMB_BYTES = 64 * 1024 * 1024
const BOMB_RATIO = 250

/**
 * Lists a .zip: nothing of it is unpacked before a file is read, and then only that file.
 * @param maxBytes  that all of it may have unpacked
 * @throws ImportRefusedError
 */
export async function listZip(handle: FileHandle, maxBytes: number, skip: Skip): Promise<Listing> {
  const { size } = await handle.stat()
  const listing = createListing(skip)
  const extents: Extent[] = []
  let bytes = 0
  try {
    // Names are read here, so that a single unsafe one does not end the reading of all.
    const options = { autoClose: false, decodeStrings: false, validateEntrySizes: false }
    const zip = await fromFdPromise(handle.fd, options)
    // Whoever reads is told; without a listener the process would end.
    zip.on('error', () => {})
    for await (const entry of zip.eachEntry()) {
      const name = nameOf(entry)
      listing.count(name)
      extents.push({ begin: entry.relativeOffsetOfLocalHeader, end: endOf(entry) })
      bytes += entry.uncompressedSize
      checkSize(bytes, size, maxBytes)
      const read = readPath(name)
      if ('unsafe' in read) skip(shown(name), `${read.unsafe}: left out.`)
      else if (/[/\\]$/.test(name)) listing.addFolder(read.path)
      else addFile(zip, handle, entry, read.path)
    }
  } catch (error) {
    throw asRefusal(error)
  }
  checkOverlaps(extents)
  return listing

  function addFile(zip: ZipFile, handle: FileHandle, entry: Entry, path: string): void {
    const obstacle = obstacleOf(entry)
    if (obstacle !== null) {
      skip(path, obstacle)
      return
    }
    const open = async function* () {
      yield* streamEntry(zip, entry)
    }
    listing.add({ path, bytes: entry.uncompressedSize, read: () => readEntry(zip, handle, entry), open })
  }
}

/** @throws what the system answered; anything else is the archive's fault, in yauzl's words */
function asRefusal(error: unknown): unknown {
  if (error instanceof ImportRefusedError || isOfSystem(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  return new ImportRefusedError(
    `The .zip is damaged or cut short (${message.replace(/[.\s]+$/, '')}). Pack it anew, and send all of it.`,
  )
}

const isOfSystem = (error: unknown) => (error as NodeJS.ErrnoException | null)?.syscall !== undefined

function nameOf(entry: Entry): string {
  const { fileNameRaw, generalPurposeBitFlag, extraFields } = entry
  const claimed = asUtf8(fileNameRaw)
  if (claimed !== null) return claimed
  // Info-ZIP's field with the name in Unicode, or code page 437, which every byte is a character of.
  return getFileNameLowLevel(generalPurposeBitFlag & ~0x800, fileNameRaw, extraFields, true)
}

function checkSize(bytes: number, size: number, maxBytes: number): void {
  if (bytes > maxBytes) {
    throw new ImportRefusedError(
      `Unpacked, the archive has more than the ${maxBytes} bytes that are taken: send fewer or smaller pictures.`,
    )
  }
  if (bytes > BOMB_BYTES && bytes > size * BOMB_RATIO) {
    throw new ImportRefusedError(
      `The archive has ${size} bytes and unpacks to more than ${BOMB_RATIO} times as many: no pictures are packed so.`,
    )
  }
}

interface Extent {
  begin: number
  end: number
}

/** At least: a local header may have more extra fields. */
function endOf({ relativeOffsetOfLocalHeader, fileNameLength, compressedSize }: Entry): number {
  return relativeOffsetOfLocalHeader + 30 + fileNameLength + compressedSize
}

/** Files that share their bytes make a small archive large without end (Fifield, "A better zip bomb", 2019). */
function checkOverlaps(extents: Extent[]): void {
  extents.sort((one, other) => one.begin - other.begin)
  const overlap = extents.findIndex(({ end }, i) => i + 1 < extents.length && end > extents[i + 1]!.begin)
  if (overlap < 0) return
  throw new ImportRefusedError('The .zip has files that overlap, as in bombs. Pack it anew.')
}

/** Why a file of the archive is no picture to be read; null for an ordinary one. */
function obstacleOf(entry: Entry): string | null {
  const unix = entry.versionMadeBy >> 8 === 3 || entry.versionMadeBy >> 8 === 19
  const kind = unix ? (entry.externalFileAttributes >>> 28) & 0xf : 0
  if (kind === 0xa) return 'It is a link, and links are not followed: left out.'
  if (kind !== 0 && kind !== 0x8) return 'It is no file: left out.'
  if (entry.isEncrypted()) return 'It is encrypted: left out. Pack the archive without a password.'
  const method = entry.compressionMethod
  if (method === STORED || method === DEFLATED) return null
  return `It is packed by method ${method}, which is not read: left out. Pack the archive as .zip programs usually do.`
}

async function readEntry(zip: ZipFile, handle: FileHandle, entry: Entry): Promise<Uint8Array> {
  const { fileDataStart } = await zip
    .readLocalFileHeaderPromise(entry, { minimal: true })
    .catch((error: unknown) => {
      throw damaged(error)
    })
  const packed = Buffer.allocUnsafe(entry.compressedSize)
  if (!(await readWhole(handle, packed, fileDataStart))) {
    throw new DamagedFileError('It is cut short in the archive.')
  }
  let bytes: Uint8Array = packed
  if (entry.compressionMethod === DEFLATED) {
    // One more byte than it claims is a lie already.
    bytes = await inflate(packed, { maxOutputLength: entry.uncompressedSize + 1 }).catch((error: unknown) => {
      throw damaged(error)
    })
  }
  checkUnpacked(entry, bytes.length, crc32(bytes))
  return bytes
}

async function* streamEntry(zip: ZipFile, entry: Entry): AsyncGenerator<Uint8Array, void> {
  let [bytes, sum] = [0, 0]
  try {
    for await (const piece of await zip.openReadStreamPromise(entry)) {
      bytes += piece.length
      if (bytes > entry.uncompressedSize) break
      sum = crc32(piece, sum)
      yield piece
    }
  } catch (error) {
    throw damaged(error)
  }
  checkUnpacked(entry, bytes, sum)
}

function checkUnpacked(entry: Entry, bytes: number, sum: number): void {
  if (bytes > entry.uncompressedSize) {
    throw new DamagedFileError(`It unpacks to more than the ${entry.uncompressedSize} bytes that it claims.`)
  }
  if (bytes < entry.uncompressedSize) {
    throw new DamagedFileError(`It unpacks to ${bytes} bytes and not to ${entry.uncompressedSize}.`)
  }
  if (sum !== entry.crc32) throw new DamagedFileError('It does not match its checksum in the archive.')
}

function damaged(error: unknown): unknown {
  if (isOfSystem(error) || error instanceof DamagedFileError) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ERR_BUFFER_TOO_LARGE') return new DamagedFileError('It unpacks to more bytes than it claims.')
  return new DamagedFileError(`It cannot be unpacked (${message}).`)
}
