import { imageBytes, type Split } from './dataset-facts.ts'
import { type DatasetFile, LABEL_BYTES, placeOf } from './dataset-file.ts'

/** Class indexes of the bytes of labels: a copy, as they may begin at an odd place. */
export function labelsOf(bytes: Uint8Array): Uint16Array {
  return new Uint16Array(bytes.slice().buffer)
}

/** Some images of a split by their places, in the order asked: pixels [n, height, width, channels]. */
export async function readImages(
  { header, read }: DatasetFile,
  split: Split,
  indexes: readonly number[],
): Promise<{ pixels: Uint8Array; labels: Uint16Array }> {
  const bytes = imageBytes(header)
  const place = placeOf(header, split)
  const pixels = new Uint8Array(indexes.length * bytes)
  const labels = new Uint16Array(indexes.length)
  for (const [i, index] of indexes.entries()) {
    const at = place.labels + index * LABEL_BYTES
    labels.set(labelsOf(await read(at, at + LABEL_BYTES)), i)
    const begin = place.pixels + index * bytes
    pixels.set(await read(begin, begin + bytes), i * bytes)
  }
  return { pixels, labels }
}

/** Class indexes of a split: [n]. Nothing else is read: CIFAR-10's are 120 kB. */
export async function readLabels({ header, read }: DatasetFile, split: Split): Promise<Uint16Array> {
  const { labels, pixels } = placeOf(header, split)
  return labelsOf(await read(labels, pixels))
}
