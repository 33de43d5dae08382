import { createHash } from 'node:crypto'
import { type BigIntStats, closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { renameDurably } from '../storage/durable.ts'
import { readWhole, writeWhole } from '../storage/whole.ts'
import { type DatasetFacts, imageBytes, SPLITS, type Split } from './dataset-facts.ts'
import { DamagedDatasetError, damagedDataset } from './errors.ts'

/*
 * The one local file of a prepared data set:
 *
 *   header   4096 bytes: the line MAGIC, a line of JSON (DatasetHeader), the sha256 of these two lines in hexadecimal
 *            on a line, then blanks
 *   content  train: labels, 16-bit little-endian: [n]; then images, a byte a value: [n, height, width, channels]
 *            test: the same
 *   table    the sha256 of each block of the content, 32 bytes each: blocks of BLOCK_BYTES, the last one shorter
 *
 * The header is sealed by its own checksum, the table by the header, each block by the table: whoever reads an image
 * verifies that image, and need not read the rest. One sequential read loads everything.
 */

const MAGIC = 'vggzoo dataset 3'
const HEADER_BYTES = 4096
/** An image costs one or two blocks: 0.1 ms. The table of CIFAR-10 is 90 kB. */
const BLOCK_BYTES = 64 * 1024
const DIGEST_BYTES = 32
export const LABEL_BYTES = 2

export interface DatasetHeader extends Pick<DatasetFacts, 'name' | 'count' | 'imageShape'> {
  /** sha256 over the content, in hexadecimal: the same images and labels always have the same. */
  digest: string
  /** sha256 over the table, in hexadecimal. */
  table: string
  /** Where the images came from, in words. */
  source: string
}

/** Some images of a split, on their way into the file. */
export interface DecodedImages {
  split: Split
  /** Index in the split of the first of them. */
  first: number
  /** [n], class indexes. */
  labels: Uint16Array
  /** [n, height, width, channels] */
  pixels: Uint8Array
}

/** Where a split's labels and images lie in the content, in bytes. */
export function placeOf(
  { count, imageShape }: Pick<DatasetFacts, 'count' | 'imageShape'>,
  split: Split,
): { labels: number; pixels: number; end: number } {
  let offset = 0
  for (const each of SPLITS) {
    const labels = offset
    const pixels = labels + count[each] * LABEL_BYTES
    offset = pixels + count[each] * imageBytes({ imageShape })
    if (each === split) return { labels, pixels, end: offset }
  }
  throw new Error(`There is no split ${split}.`)
}

/** Bytes of all labels and images. */
export function contentBytes(facts: Pick<DatasetFacts, 'count' | 'imageShape'>): number {
  return placeOf(facts, SPLITS[SPLITS.length - 1]).end
}

const blocksOf = (bytes: number) => Math.ceil(bytes / BLOCK_BYTES)

function fileBytes(header: DatasetHeader): number {
  const bytes = contentBytes(header)
  return HEADER_BYTES + bytes + blocksOf(bytes) * DIGEST_BYTES
}

/**
 * Which file it is, and in what state, as far as the system knows without reading it: text that another file, or a
 * write to this one, changes. Null where there is none.
 */
export function fileIdentity(file: string): string | null {
  let stats: BigIntStats | undefined
  try {
    stats = statSync(file, { bigint: true, throwIfNoEntry: false })
  } catch (error) {
    return String(error)
  }
  // Not the time of its inode: every further hard link changes that.
  return stats === undefined ? null : [stats.dev, stats.ino, stats.size, stats.mtimeNs].join(' ')
}

/**
 * Reads the header alone: 4 kB, at once.
 * @throws DamagedDatasetError when the file cannot be read, is cut short, altered here, or none of ours
 */
export function readHeader(file: string): DatasetHeader {
  const buffer = Buffer.alloc(HEADER_BYTES)
  let size: number
  try {
    const descriptor = openSync(file, 'r')
    try {
      readSync(descriptor, buffer, 0, HEADER_BYTES, 0)
      size = fstatSync(descriptor).size
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    throw unreadable(file, error)
  }
  return decodeHeader(file, buffer, size)
}

function decodeHeader(file: string, bytes: Uint8Array, size: number): DatasetHeader {
  const [magic, json, seal] = Buffer.from(bytes).toString('utf8').split('\n')
  if (magic !== MAGIC) throw damagedDataset(file, 'it does not begin as one does')
  if (json === undefined || seal !== sealOf(json)) {
    throw damagedDataset(file, 'its header does not match its checksum')
  }
  const header = JSON.parse(json) as DatasetHeader
  if (size !== fileBytes(header)) {
    throw damagedDataset(file, `it has ${size} bytes and not ${fileBytes(header)}`)
  }
  return header
}

function encodeHeader(header: DatasetHeader): Buffer {
  const json = JSON.stringify(header)
  const text = `${MAGIC}\n${json}\n${sealOf(json)}\n`
  if (Buffer.byteLength(text) > HEADER_BYTES) throw new Error(`The header of ${header.name} is too long.`)
  const buffer = Buffer.alloc(HEADER_BYTES, ' ')
  buffer.write(text)
  return buffer
}

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest()
const sealOf = (json: string) => sha256(`${MAGIC}\n${json}\n`).toString('hex')

function unreadable(file: string, error: unknown): DamagedDatasetError {
  if (error instanceof DamagedDatasetError) return error
  const { code, message } = error as NodeJS.ErrnoException
  return damagedDataset(file, `it cannot be read (${code ?? message})`)
}

/** A prepared data set's file, open for reading: nothing is answered that does not match its checksum. */
export interface DatasetFile {
  readonly header: DatasetHeader
  /**
   * Bytes begin .. end - 1 of the content, in `into` when it is given.
   * @throws DamagedDatasetError
   */
  read(begin: number, end: number, into?: Uint8Array): Promise<Uint8Array>
  /**
   * Reads all of the content, and nothing of it into memory.
   * @throws DamagedDatasetError
   */
  verify(): Promise<void>
  close(): Promise<void>
}

/**
 * Opens a prepared data set's file for a task and closes it after. Throws as openDatasetFile does.
 */
export async function withDatasetFile<Result>(
  file: string,
  digest: string | undefined,
  task: (opened: DatasetFile) => Promise<Result>,
): Promise<Result> {
  const opened = await openDatasetFile(file, digest)
  try {
    return await task(opened)
  } finally {
    await opened.close()
  }
}

/**
 * @param digest  that of the content that is meant: another one's file is refused
 * @param kept    bytes of the content that stay in memory once they are read, for who reads the same images again and again
 * @throws DamagedDatasetError when the file cannot be read, is not what it was when it was written, or another one
 */
export async function openDatasetFile(
  file: string,
  digest: string | undefined,
  kept = 0,
): Promise<DatasetFile> {
  const handle = await open(file).catch((error: unknown) => {
    throw unreadable(file, error)
  })
  try {
    const { size } = await handle.stat()
    const begin = await readAt(handle, file, 0, Math.min(HEADER_BYTES, size))
    const header = decodeHeader(file, begin, size)
    if (digest !== undefined && header.digest !== digest) {
      throw damagedDataset(
        file,
        `it holds other images or labels (${header.digest}) than were prepared (${digest})`,
      )
    }
    return await openContent(handle, file, header, kept)
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function openContent(
  handle: FileHandle,
  file: string,
  header: DatasetHeader,
  kept: number,
): Promise<DatasetFile> {
  const bytes = contentBytes(header)
  const table = await readAt(handle, file, HEADER_BYTES + bytes, blocksOf(bytes) * DIGEST_BYTES)
  if (sha256(table).toString('hex') !== header.table) {
    throw damagedDataset(file, 'its table of checksums does not match its checksum')
  }
  const altered = () => damagedDataset(file, 'its content does not match its checksum')
  /** By number: the first ones that were read, as many as there is room for. Shuffled images need all alike. */
  const blocks: (Uint8Array | undefined)[] = []
  let room = Math.floor(kept / BLOCK_BYTES)

  /** A block that was found to be what it should be. */
  function keep(block: number, content: Uint8Array): void {
    if (room === 0 || blocks[block] !== undefined) return
    // A copy: it may be a part of a larger piece, which would stay in memory with it.
    blocks[block] = content.slice()
    room -= 1
  }

  /** Blocks first .. last - 1, verified. */
  async function readBlocks(first: number, last: number): Promise<Uint8Array> {
    const from = first * BLOCK_BYTES
    const whole = new Uint8Array(Math.min(bytes, last * BLOCK_BYTES) - from)
    for await (const piece of pieces(handle, file, from, whole)) {
      for (let at = 0; at < piece.bytes.length; at += BLOCK_BYTES) {
        const block = (piece.begin + at) / BLOCK_BYTES
        const content = piece.bytes.subarray(at, at + BLOCK_BYTES)
        const expected = table.subarray(block * DIGEST_BYTES, (block + 1) * DIGEST_BYTES)
        if (sha256(content).compare(expected) !== 0) throw altered()
        keep(block, content)
      }
    }
    return whole
  }

  return {
    header,
    async read(begin, end, into = new Uint8Array(end - begin)) {
      const [first, last] = [Math.floor(begin / BLOCK_BYTES), blocksOf(end)]
      const isKept = () => {
        for (let block = first; block < last; block++) if (blocks[block] === undefined) return false
        return true
      }
      const whole = isKept() ? null : await readBlocks(first, last)
      for (let block = first; block < last; block++) {
        const from = block * BLOCK_BYTES
        const content = whole === null ? blocks[block]! : whole.subarray(from - first * BLOCK_BYTES)
        const [head, tail] = [Math.max(begin, from), Math.min(end, from + BLOCK_BYTES)]
        into.set(content.subarray(head - from, tail - from), head - begin)
      }
      return into
    },
    async verify() {
      const found = await digestsOf(handle, file, bytes)
      if (found.digest !== header.digest || found.table.compare(table) !== 0) throw altered()
    },
    close: () => handle.close(),
  }
}

/**
 * Writes the file whole or not at all. It is safe on the disk when this resolves.
 * @param scratch  a folder on the same disk, for the time of writing
 */
export async function writeDatasetFile(
  file: string,
  scratch: string,
  facts: DatasetFacts,
  source: string,
  images: AsyncIterable<DecodedImages>,
): Promise<void> {
  const unfinished = join(scratch, basename(file))
  const handle = await open(unfinished, 'w+')
  try {
    const written = { train: 0, test: 0 }
    for await (const some of images) {
      checkImages(facts, some)
      const { split, first, labels, pixels } = some
      const place = placeOf(facts, split)
      const labelBytes = new Uint8Array(Uint16Array.from(labels).buffer)
      await writeWhole(handle, labelBytes, HEADER_BYTES + place.labels + first * LABEL_BYTES)
      await writeWhole(handle, pixels, HEADER_BYTES + place.pixels + first * imageBytes(facts))
      written[split] += labels.length
    }
    for (const split of SPLITS) {
      if (written[split] !== facts.count[split]) {
        throw new Error(`it has ${written[split]} ${split} images and not ${facts.count[split]}`)
      }
    }
    // From what was written, not from what was meant to be.
    const bytes = contentBytes(facts)
    const { digest, table } = await digestsOf(handle, unfinished, bytes)
    await writeWhole(handle, table, HEADER_BYTES + bytes)
    const { name, count, imageShape } = facts
    const header = { name, count, imageShape, digest, table: sha256(table).toString('hex'), source }
    await writeWhole(handle, encodeHeader(header), 0)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await renameDurably(unfinished, file)
}

/** Whatever reads the file relies on it: a network has an output for each class, and no more. */
function checkImages(facts: DatasetFacts, { split, first, labels, pixels }: DecodedImages): void {
  const expected = labels.length * imageBytes(facts)
  if (pixels.length !== expected) {
    throw new Error(`${labels.length} ${split} images have ${pixels.length} bytes and not ${expected}`)
  }
  if (first < 0 || first + labels.length > facts.count[split]) {
    throw new Error(`it has more than ${facts.count[split]} ${split} images`)
  }
  const wrong = labels.findIndex((label) => label >= facts.classes.length)
  if (wrong >= 0) {
    throw new Error(
      `${split} image ${first + wrong} has the label ${labels[wrong]}, and there are ${facts.classes.length} classes`,
    )
  }
}

/** Whole blocks, and few enough that whoever else waits for this thread waits for milliseconds. */
const PIECE_BYTES = 64 * BLOCK_BYTES

/** Fills `target` with the content from `begin` on, piece by piece. */
async function* pieces(
  handle: FileHandle,
  file: string,
  begin: number,
  target: Uint8Array,
): AsyncGenerator<{ begin: number; bytes: Uint8Array }, void> {
  for (let at = 0; at < target.length; at += PIECE_BYTES) {
    const bytes = target.subarray(at, at + PIECE_BYTES)
    await readAt(handle, file, HEADER_BYTES + begin + at, bytes.length, bytes)
    yield { begin: begin + at, bytes }
  }
}

/** What the content's digest and table are, as it is on the disk. */
async function digestsOf(
  handle: FileHandle,
  file: string,
  bytes: number,
): Promise<{ digest: string; table: Buffer }> {
  const hash = createHash('sha256')
  const table: Buffer[] = []
  const piece = new Uint8Array(PIECE_BYTES)
  for (let at = 0; at < bytes; at += PIECE_BYTES) {
    const length = Math.min(PIECE_BYTES, bytes - at)
    await readAt(handle, file, HEADER_BYTES + at, length, piece)
    hash.update(piece.subarray(0, length))
    for (let block = 0; block < length; block += BLOCK_BYTES) {
      table.push(sha256(piece.subarray(block, Math.min(block + BLOCK_BYTES, length))))
    }
  }
  return { digest: hash.digest('hex'), table: Buffer.concat(table) }
}

async function readAt(
  handle: FileHandle,
  file: string,
  position: number,
  length: number,
  into: Uint8Array = new Uint8Array(length),
): Promise<Uint8Array> {
  const isWhole = await readWhole(handle, into.subarray(0, length), position).catch((error: unknown) => {
    throw unreadable(file, error)
  })
  if (!isWhole) throw damagedDataset(file, 'it ends too early')
  return into
}
