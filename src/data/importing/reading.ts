import { availableParallelism } from 'node:os'
import { UnsupportedImageError } from '../../pictures/errors.ts'
import { fitImage, prepareImage } from '../../pictures/image.ts'
import type { ClassNames } from './classes.ts'
import type { Findings } from './findings.ts'
import { fingerprintOf } from './fingerprint.ts'
import type { ImportedImage } from './images.ts'
import type { Candidate, Layout } from './layouts/layout.ts'
import { DamagedFileError } from './origin/listing.ts'
import type { PixelStore } from './pixel-store.ts'
import type { ImportJob } from './protocol.ts'
import { ImportRefusedError } from './refusal.ts'

const MAX_IMAGES = 1_000_000
/** Pictures that are read side by side: decoding waits for others by itself where they are large. */
const AT_ONCE = 4 * availableParallelism()

/** Smallest and largest picture, [height, width], before scaling. */
export interface Sizes {
  smallest: [number, number] | null
  largest: [number, number] | null
}

export function createSizes(): Sizes & { seen(size: [number, number]): void } {
  const area = ([height, width]: [number, number]) => height * width
  return {
    smallest: null,
    largest: null,
    seen(size) {
      // Of those with as many pixels the lower one, whichever came first.
      const before = (one: [number, number], other: [number, number]) =>
        area(one) - area(other) || one[0] - other[0]
      if (this.smallest === null || before(size, this.smallest) < 0) this.smallest = size
      if (this.largest === null || before(size, this.largest) > 0) this.largest = size
    },
  }
}

/** Reads every picture of a layout, scales it and stores its pixels; one that cannot be read is told of. In the layout's order. */
export async function readImages(
  layout: Layout,
  { size, resize }: Pick<ImportJob, 'size' | 'resize'>,
  tools: {
    store: PixelStore
    names: ClassNames
    findings: Findings
    sizes: ReturnType<typeof createSizes>
    progress(done: number, total: number | null): void
  },
): Promise<ImportedImage[]> {
  const { store, names, findings, sizes, progress } = tools
  const images: { order: number; image: ImportedImage }[] = []
  const refusals: { order: number; tell: () => void }[] = []
  let [next, done] = [0, 0]
  for (const written of layout.named) names.nameOf(written, 0)
  const candidates = toIterator(layout.candidates())
  let turn: Promise<unknown> = Promise.resolve()
  /** One at a time: a generator is asked when it has answered. */
  const take = () => {
    const taken = turn.then(() => candidates.next())
    turn = taken.catch(() => {})
    return taken
  }

  async function work(): Promise<void> {
    for (;;) {
      const { value: candidate, done: isEnd } = await take()
      if (isEnd) return
      const order = next++
      if (images.length >= MAX_IMAGES)
        throw new ImportRefusedError(`It has more than ${MAX_IMAGES} pictures.`)
      const label = names.nameOf(candidate.label)
      if (label !== null) {
        try {
          images.push({ order, image: await readOne(candidate, label, order) })
        } catch (error) {
          if (!(error instanceof UnsupportedImageError || error instanceof DamagedFileError)) throw error
          const isNone =
            candidate.isGuess && error instanceof UnsupportedImageError && NO_PICTURES.has(error.reason)
          const kind = isNone ? 'SKIPPED' : 'REFUSED'
          const message = isNone ? 'No picture: left out.' : error.message
          refusals.push({ order, tell: () => findings.add(kind, candidate.path, message) })
        }
      }
      progress(++done, layout.total)
    }
  }

  async function readOne(candidate: Candidate, label: string, order: number): Promise<ImportedImage> {
    const picture = await candidate.picture()
    let pixels: Uint8Array
    if ('pixels' in picture) {
      pixels = await fitImage(picture, size, resize)
      sizes.seen([picture.height, picture.width])
    } else {
      const prepared = await prepareImage(picture, size, resize)
      pixels = prepared.pixels
      sizes.seen(prepared.original)
    }
    const place = await store.put(pixels)
    const { path, split } = candidate
    return {
      path,
      label,
      split,
      place,
      order: layout.isOrdered ? order : null,
      index: null,
      ...fingerprintOf(pixels, ...size),
    }
  }

  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  } finally {
    await candidates.return?.()
  }
  const inOrder = (one: { order: number }, other: { order: number }) => one.order - other.order
  for (const { tell } of refusals.sort(inOrder)) tell()
  return images.sort(inOrder).map(({ image }) => image)
}

const NO_PICTURES = new Set(['NOT_AN_IMAGE', 'EMPTY'])

function toIterator<Item>(items: Iterable<Item> | AsyncIterable<Item>): Iterator<Item> | AsyncIterator<Item> {
  return Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]()
}
