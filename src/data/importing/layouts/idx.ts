import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { Split } from '../../dataset-facts.ts'
import type { Listing, OriginFile, Skip } from '../origin/listing.ts'
import { ImportRefusedError } from '../refusal.ts'
import { whyNot } from './kinds.ts'
import type { Candidate, Layout } from './layout.ts'
import { recordsOf, wholeContentOf } from './records.ts'
import { partNamed, splitOf } from './split-names.ts'

/** train-images-idx3-ubyte, t10k-labels.idx1-ubyte.gz, emnist-letters-train-images-idx3-ubyte. */
const NAME = /^(.*?)[-_.]?(images|labels)[-_.]idx([13])[-_.]ubyte(?:\.gz)?$/i
const MAX_SIDE = 4096
const MAX_LABELS = 1_000_000

interface Pair {
  name: string
  split: Split
  images: OriginFile
  labels: OriginFile
}

/** MNIST's IDX files (http://yann.lecun.com/exdb/mnist), packed by gzip or not; null where there are none. */
export async function idxLayout(listing: Listing, skip: Skip): Promise<Layout | null> {
  const pairs = pairsOf(listing)
  if (pairs.length === 0) return null
  const used = new Set(pairs.flatMap(({ images, labels }) => [images, labels]))
  for (const file of listing.files) if (!used.has(file)) skip(file.path, whyNot(file))
  const labels = new Map<Pair, Uint8Array>()
  for (const pair of pairs) labels.set(pair, await readLabels(pair.labels))
  const present = [...new Set([...labels.values()].flatMap((values) => [...new Set(values)]))]
  const classes = present.sort((one, other) => one - other).map(String)
  return {
    words: "MNIST's IDX files",
    classes,
    named: classes,
    total: [...labels.values()].reduce((sum, { length }) => sum + length, 0),
    isOrdered: true,
    async *candidates(): AsyncGenerator<Candidate, void> {
      for (const pair of pairs) yield* imagesOf(pair, labels.get(pair)!)
    },
  }
}

function pairsOf({ files }: Listing): Pair[] {
  const found = new Map<string, { images?: OriginFile; labels?: OriginFile }>()
  for (const file of files) {
    const match = NAME.exec(file.path)
    if (match === null || (match[2]!.toLowerCase() === 'images') !== (match[3] === '3')) continue
    const which = match[2]!.toLowerCase() as 'images' | 'labels'
    const pair = found.get(match[1]!) ?? {}
    // A file beside its packed self is the same.
    pair[which] ??= file
    found.set(match[1]!, pair)
  }
  const named = [...found].map(([prefix, { images, labels }]) => {
    if (images === undefined || labels === undefined) {
      const [there, lacking] = images === undefined ? [labels!, 'images'] : [images, 'labels']
      throw new ImportRefusedError(
        `Of IDX files it holds ${there.path}, and not the ${lacking} that belong to it.`,
      )
    }
    const part = partNamed(/[a-z0-9]*$/i.exec(prefix)![0]) ?? 'train'
    return { name: prefix, part, images, labels }
  })
  const hasTest = named.some(({ part }) => part === 'test')
  const pairs = named.map(({ part, ...pair }) => ({ ...pair, split: splitOf(part, hasTest) }))
  for (const split of ['train', 'test']) {
    const same = named.filter(({ part }) => part === split)
    if (same.length > 1) {
      throw new ImportRefusedError(
        `It holds several data sets of IDX files (${same
          .map(({ images }) => images.path)
          .slice(0, 3)
          .join(', ')}): send the files of one.`,
      )
    }
  }
  return pairs.sort((one, other) =>
    one.split < other.split ? 1 : one.split > other.split ? -1 : one.name < other.name ? -1 : 1,
  )
}

async function* unpacked(file: OriginFile): AsyncGenerator<Uint8Array, void> {
  if (!/\.gz$/i.test(file.path)) return yield* wholeContentOf(file)
  try {
    // What goes wrong on the way comes out at its end.
    yield* pipeline(Readable.from(wholeContentOf(file)), createGunzip(), () => {})
  } catch (error) {
    if (!(error as NodeJS.ErrnoException).code?.startsWith('Z_')) throw error
    throw new ImportRefusedError(`${file.path} is damaged or cut short. Send the whole file.`)
  }
}

/**
 * What follows an IDX file's header: two zeros, the type (8: bytes), the number of dimensions, and these, 4 bytes each,
 * big-endian.
 */
async function readIdx(file: OriginFile, dimensions: 1 | 3) {
  const pieces = unpacked(file)
  const length = 4 + 4 * dimensions
  let head: Uint8Array = new Uint8Array(0)
  while (head.length < length) {
    const { value, done } = await pieces.next()
    if (done) throw new ImportRefusedError(`${file.path} is cut short: it has ${head.length} bytes.`)
    head = Buffer.concat([head, value])
  }
  const header = Buffer.from(head)
  if (header.readUInt32BE(0) !== 0x0800 + dimensions) {
    throw new ImportRefusedError(
      `${file.path} is no IDX file of bytes in ${dimensions} dimension${dimensions === 1 ? '' : 's'}.`,
    )
  }
  const shape = Array.from({ length: dimensions }, (_, i) => header.readUInt32BE(4 + 4 * i))
  async function* content(): AsyncGenerator<Uint8Array, void> {
    yield head.subarray(length)
    yield* pieces
  }
  return { shape, content: content() }
}

async function readLabels(file: OriginFile): Promise<Uint8Array> {
  const { shape, content } = await readIdx(file, 1)
  const count = shape[0]!
  if (count > MAX_LABELS)
    throw new ImportRefusedError(`${file.path} claims ${count} labels; ${MAX_LABELS} are taken.`)
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of content) {
    pieces.push(piece)
    bytes += piece.length
    if (bytes > count) break
  }
  if (bytes === count) return Buffer.concat(pieces)
  throw new ImportRefusedError(
    `${file.path} claims ${count} labels and has ${bytes > count ? 'more' : bytes}.`,
  )
}

async function* imagesOf({ images, split }: Pair, labels: Uint8Array): AsyncGenerator<Candidate, void> {
  const { shape, content } = await readIdx(images, 3)
  const [count, height, width] = shape as [number, number, number]
  if (count !== labels.length)
    throw new ImportRefusedError(`${images.path} has ${count} images, and there are ${labels.length} labels.`)
  if (height < 1 || width < 1 || height > MAX_SIDE || width > MAX_SIDE) {
    throw new ImportRefusedError(
      `${images.path} claims images of ${height} x ${width} pixels; 1 to ${MAX_SIDE} are taken.`,
    )
  }
  let index = 0
  for await (const grey of recordsOf(content, height * width)) {
    if (index === count) break
    const path = `${images.path} image ${index}`
    yield {
      path,
      label: String(labels[index++]),
      split,
      picture: async () => ({ pixels: inColour(grey), width, height }),
    }
  }
  if (index < count)
    throw new ImportRefusedError(`${images.path} is cut short: it has ${index} of ${count} images.`)
}

/** [n] -> [n, 3] */
function inColour(grey: Uint8Array): Buffer {
  const pixels = Buffer.allocUnsafe(3 * grey.length)
  for (let i = 0; i < grey.length; i++) pixels.fill(grey[i]!, 3 * i, 3 * i + 3)
  return pixels
}
