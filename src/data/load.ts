import { type DatasetFacts, imageBytes, type Split } from './dataset-facts.ts'
import { contentBytes, type DatasetFile, LABEL_BYTES, placeOf, withDatasetFile } from './dataset-file.ts'

/** One split in memory. */
export interface LoadedSplit {
  count: number
  /** [height, width, channels] */
  imageShape: DatasetFacts['imageShape']
  /** [count, height, width, channels], a byte each. */
  pixels: Uint8Array
  /** [count], class indexes. */
  labels: Uint16Array
}

export type LoadedDataset = Record<Split, LoadedSplit>

/**
 * Reads a prepared data set into memory and verifies it on the way: CIFAR-10's 184 MB in 0.2 to 0.4 s.
 * @param digest  Dataset.digest of what is meant; left out, whatever the file holds
 * @throws DamagedDatasetError that names the file
 */
export function loadDataset(file: string, digest?: string): Promise<LoadedDataset> {
  return withDatasetFile(file, digest, async ({ header, read }) => {
    const content = await read(0, contentBytes(header))
    return { train: splitOf(header, 'train', content, 0), test: splitOf(header, 'test', content, 0) }
  })
}

/** The same with one of the splits. */
export function loadSplit(file: string, digest: string, split: Split): Promise<LoadedSplit> {
  return withDatasetFile(file, digest, async ({ header, read }) => {
    const { labels, end } = placeOf(header, split)
    return splitOf(header, split, await read(labels, end), labels)
  })
}

/** @param begin  where in the content these bytes are from */
function splitOf(header: DatasetFile['header'], split: Split, bytes: Uint8Array, begin: number): LoadedSplit {
  const { labels, pixels, end } = placeOf(header, split)
  return {
    count: header.count[split],
    imageShape: header.imageShape,
    labels: labelsOf(bytes.subarray(labels - begin, pixels - begin)),
    pixels: bytes.subarray(pixels - begin, end - begin),
  }
}

/** A copy, as bytes may begin at an odd place, and so that pixels are not kept for its sake. */
function labelsOf(bytes: Uint8Array): Uint16Array {
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
