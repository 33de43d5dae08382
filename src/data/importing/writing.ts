import type { DatasetFacts, Split } from '../dataset-facts.ts'
import { SPLITS } from '../dataset-facts.ts'
import { type DecodedImages, readHeader, writeDatasetFile } from '../dataset-file.ts'
import type { Normalization } from '../normalization.ts'
import type { ImportedImage } from './images.ts'
import type { PixelStore } from './pixel-store.ts'
import type { ImportJob } from './protocol.ts'

/** So many bytes of images are written at once. */
const BATCH_BYTES = 4 * 1024 * 1024

/** Writes the prepared file: the images in this order, each in its split. -> what it is, and its digest */
export async function writeImages(
  { name, size: [height, width], file, scratch }: ImportJob,
  images: readonly ImportedImage[],
  options: {
    classes: readonly string[]
    source: string
    store: PixelStore
    progress(done: number): void
  },
): Promise<{ facts: DatasetFacts; digest: string }> {
  const { classes, source, store, progress } = options
  const bySplit = {
    train: images.filter(({ split }) => split === 'train'),
    test: images.filter(({ split }) => split === 'test'),
  }
  const facts: DatasetFacts = {
    name,
    // Without the number of the version.
    title: name.replace(/@\d+$/, ''),
    classes,
    count: { train: bySplit.train.length, test: bySplit.test.length },
    imageShape: [height, width, 3],
    normalization: normalizationOf(bySplit.train, height * width),
  }
  const indexes = new Map(classes.map((label, index) => [label, index]))
  const bytes = height * width * 3
  const batch = Math.max(1, Math.floor(BATCH_BYTES / bytes))
  let done = 0

  async function* all(): AsyncGenerator<DecodedImages, void> {
    for (const split of SPLITS) yield* of(split)
  }
  async function* of(split: Split): AsyncGenerator<DecodedImages, void> {
    const some = bySplit[split]
    for (let first = 0; first < some.length; first += batch) {
      const part = some.slice(first, first + batch)
      const labels = Uint16Array.from(part, ({ label }) => indexes.get(label)!)
      const pixels = new Uint8Array(part.length * bytes)
      for (const [i, { place }] of part.entries()) pixels.set(await store.get(place), i * bytes)
      yield { split, first, labels, pixels }
      done += part.length
      progress(done)
    }
  }
  await writeDatasetFile(file, scratch, facts, source, all())
  return { facts, digest: readHeader(file).digest }
}

/** Of pixels in 0..1. Sums of whole numbers: the same in whatever order the images come. */
function normalizationOf(images: readonly ImportedImage[], pixels: number): Normalization {
  const sums = new Float64Array(6)
  for (const image of images) for (let i = 0; i < sums.length; i++) sums[i]! += image.sums[i]!
  const count = images.length * pixels
  const channels = [0, 1, 2] as const
  const mean = channels.map((channel) => sums[channel]! / count)
  const std = channels.map((channel) => {
    const deviation = Math.sqrt(Math.max(0, sums[channel + 3]! / count - mean[channel]! ** 2))
    // Of one colour alone: there is nothing to divide by.
    return deviation === 0 ? 1 : deviation / 255
  })
  return {
    mean: mean.map((value) => value / 255) as Normalization['mean'],
    std: std as Normalization['std'],
  }
}
