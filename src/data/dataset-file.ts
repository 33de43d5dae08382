import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type DatasetFacts, imageBytes, SPLITS, type Split } from './dataset-facts.ts'
import { DamagedDatasetError } from './errors.ts'

/*
 * The one local file of a prepared data set:
 *
 *   header   4096 bytes: the line MAGIC, then a line of JSON (DatasetHeader), then blanks
 *   train    labels, a byte each: [n]; then images, a byte a value: [n, height, width, channels]
 *   test     the same
 *
 * One sequential read loads it, and any image is found by its index.
 */

const MAGIC = 'vggzoo dataset 1'
const HEADER_BYTES = 4096

export interface DatasetHeader extends Pick<DatasetFacts, 'name' | 'count' | 'imageShape'> {
  /** sha256 over all that follows the header, in hexadecimal: the same images and labels always have the same. */
  digest: string
  /** Where the images came from, in words. */
  source: string
}

/** Some images of a split, on their way into the file. */
export interface DecodedImages {
  split: Split
  /** Index in the split of the first of them. */
  first: number
  /** [n] */
  labels: Uint8Array
  /** [n, height, width, channels] */
  pixels: Uint8Array
}

/** Byte offsets of a split's labels and images. */
export function placeOf(
  { count, imageShape }: Pick<DatasetFacts, 'count' | 'imageShape'>,
  split: Split,
): { labels: number; pixels: number; end: number } {
  let offset = HEADER_BYTES
  for (const each of SPLITS) {
    const labels = offset
    const pixels = labels + count[each]
    offset = pixels + count[each] * imageBytes({ imageShape })
    if (each === split) return { labels, pixels, end: offset }
  }
  throw new Error(`There is no split ${split}.`)
}

/** Bytes of the whole file. */
export function fileBytes(facts: Pick<DatasetFacts, 'count' | 'imageShape'>): number {
  return placeOf(facts, SPLITS[SPLITS.length - 1]).end
}

/**
 * Reads the header alone: 4 kB, at once.
 * @throws DamagedDatasetError when the file is cut short, or none of ours
 */
export function readHeader(file: string): DatasetHeader {
  const buffer = Buffer.alloc(HEADER_BYTES)
  const descriptor = openSync(file, 'r')
  let size: number
  try {
    readSync(descriptor, buffer, 0, HEADER_BYTES, 0)
    size = fstatSync(descriptor).size
  } finally {
    closeSync(descriptor)
  }
  const [magic, json] = buffer.toString('utf8').split('\n')
  if (magic !== MAGIC || json === undefined)
    throw new DamagedDatasetError(file, 'it does not begin as one does')
  let header: DatasetHeader
  try {
    header = JSON.parse(json) as DatasetHeader
  } catch {
    throw new DamagedDatasetError(file, 'its header cannot be read')
  }
  if (size !== fileBytes(header)) {
    throw new DamagedDatasetError(file, `it has ${size} bytes and not ${fileBytes(header)}`)
  }
  return header
}

/**
 * Reads all that follows the header and checks it.
 * @param into  of `contentBytes`, gets the content; it is good only when this resolves
 * @throws DamagedDatasetError
 */
export async function verifyContent(file: string, header: DatasetHeader, into?: Uint8Array): Promise<void> {
  const handle = await open(file)
  try {
    if ((await digestOf(handle, file, fileBytes(header), into)) !== header.digest) {
      throw new DamagedDatasetError(file, 'its content does not match its checksum')
    }
  } finally {
    await handle.close()
  }
}

/**
 * Writes the file whole or not at all.
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
    for await (const { split, first, labels, pixels } of images) {
      const place = placeOf(facts, split)
      await handle.write(labels, 0, labels.length, place.labels + first)
      await handle.write(pixels, 0, pixels.length, place.pixels + first * imageBytes(facts))
      written[split] += labels.length
    }
    for (const split of SPLITS) {
      if (written[split] !== facts.count[split]) {
        throw new Error(`it has ${written[split]} ${split} images and not ${facts.count[split]}`)
      }
    }
    // From what was written, not from what was meant to be.
    const digest = await digestOf(handle, unfinished, fileBytes(facts))
    const { name, count, imageShape } = facts
    await handle.write(encodeHeader({ name, count, imageShape, digest, source }), 0, HEADER_BYTES, 0)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(unfinished, file)
}

function encodeHeader(header: DatasetHeader): Buffer {
  const buffer = Buffer.alloc(HEADER_BYTES, ' ')
  const text = `${MAGIC}\n${JSON.stringify(header)}\n`
  if (Buffer.byteLength(text) > HEADER_BYTES) throw new Error(`The header of ${header.name} is too long.`)
  buffer.write(text)
  return buffer
}

const PIECE_BYTES = 4 * 1024 * 1024

async function digestOf(handle: FileHandle, file: string, end: number, into?: Uint8Array): Promise<string> {
  const hash = createHash('sha256')
  const piece = into === undefined ? Buffer.alloc(PIECE_BYTES) : null
  for (let at = HEADER_BYTES; at < end; ) {
    const wanted = Math.min(PIECE_BYTES, end - at)
    const target = piece ?? into!.subarray(at - HEADER_BYTES, at - HEADER_BYTES + wanted)
    const { bytesRead } = await handle.read(target, 0, wanted, at)
    if (bytesRead === 0) throw new DamagedDatasetError(file, 'it ends too early')
    hash.update(target.subarray(0, bytesRead))
    at += bytesRead
  }
  return hash.digest('hex')
}

/** Where a split lies in the content, that is behind the header. */
export function contentPlace(header: DatasetHeader, split: Split): ReturnType<typeof placeOf> {
  const { labels, pixels, end } = placeOf(header, split)
  return { labels: labels - HEADER_BYTES, pixels: pixels - HEADER_BYTES, end: end - HEADER_BYTES }
}

export const contentBytes = (header: DatasetHeader): number => fileBytes(header) - HEADER_BYTES
