import { type DatasetFacts, imageBytes, type Split } from './dataset-facts.ts'
import { type DatasetFile, placeOf } from './dataset-file.ts'
import { labelsOf } from './read-images.ts'

/** The images of a split, which are read when they are needed. */
export interface SplitImages {
  readonly count: number
  /** [height, width, channels] */
  readonly imageShape: DatasetFacts['imageShape']
  /** [count], class indexes. */
  readonly labels: Uint16Array
  /**
   * The images at these places, in their order.
   * @param into  [n, height, width, channels], a byte each
   * @throws DamagedDatasetError
   */
  read(places: ArrayLike<number>, into: Uint8Array): Promise<void>
}

/** Labels are read at once: two bytes an image. Throws DamagedDatasetError. */
export async function openSplit(file: DatasetFile, split: Split): Promise<SplitImages> {
  const { header } = file
  const bytes = imageBytes(header)
  const { labels, pixels } = placeOf(header, split)
  return {
    count: header.count[split],
    imageShape: header.imageShape,
    labels: labelsOf(await file.read(labels, pixels)),
    async read(places, into) {
      const reads: Promise<Uint8Array>[] = []
      for (let i = 0, next = 0; i < places.length; i = next) {
        // Neighbours are read as one: they have blocks in common.
        for (next = i + 1; places[next] === places[next - 1] + 1; ) next++
        const begin = pixels + places[i] * bytes
        const target = into.subarray(i * bytes, next * bytes)
        // Side by side: a disk that has to look for each is asked for the next ones meanwhile.
        reads.push(file.read(begin, begin + target.length, target))
      }
      await Promise.all(reads)
    },
  }
}
