import type { DatasetFacts, Split } from './dataset-facts.ts'
import { contentBytes, contentPlace, readHeader, verifyContent } from './dataset-file.ts'

/** One split in memory. */
export interface LoadedSplit {
  count: number
  /** [height, width, channels] */
  imageShape: DatasetFacts['imageShape']
  /** [count, height, width, channels], a byte each. */
  pixels: Uint8Array
  /** [count], class indexes. */
  labels: Uint8Array
}

export type LoadedDataset = Record<Split, LoadedSplit>

/**
 * Reads a prepared data set into memory and verifies it on the way: CIFAR-10's 184 MB in 0.2 to 0.4 s.
 * @throws DamagedDatasetError that names the file
 */
export async function loadDataset(file: string): Promise<LoadedDataset> {
  const header = readHeader(file)
  const content = new Uint8Array(contentBytes(header))
  await verifyContent(file, header, content)
  const splitOf = (split: Split): LoadedSplit => {
    const place = contentPlace(header, split)
    return {
      count: header.count[split],
      imageShape: header.imageShape,
      labels: content.subarray(place.labels, place.pixels),
      pixels: content.subarray(place.pixels, place.end),
    }
  }
  return { train: splitOf('train'), test: splitOf('test') }
}
