import { epochBatches, type ImageBatch } from '../../src/data/batches.ts'
import type { DatasetBatches } from '../../src/data/dataset-batches.ts'
import { imageBytes, type Split } from '../../src/data/dataset-facts.ts'
import { placeOf, withDatasetFile } from '../../src/data/dataset-file.ts'
import { openSplit, type SplitImages } from '../../src/data/split-images.ts'

/** A split whose images are all in memory. */
export interface LoadedSplit extends SplitImages {
  /** [count, height, width, channels], a byte each. */
  pixels: Uint8Array
}

export type LoadedDataset = Record<Split, LoadedSplit>

export function inMemory(split: Omit<LoadedSplit, 'read'>): LoadedSplit {
  const bytes = imageBytes(split)
  return {
    ...split,
    async read(places, into) {
      for (const [i, place] of Array.from(places).entries()) {
        into.set(split.pixels.subarray(place * bytes, (place + 1) * bytes), i * bytes)
      }
    },
  }
}

/** All of a prepared data set's file. Throws DamagedDatasetError. */
export function loadDataset(file: string, digest?: string): Promise<LoadedDataset> {
  return withDatasetFile(file, digest, async (opened) => {
    const load = async (split: Split) => {
      const { count, imageShape, labels } = await openSplit(opened, split)
      const place = placeOf(opened.header, split)
      return inMemory({ count, imageShape, labels, pixels: await opened.read(place.pixels, place.end) })
    }
    return { train: await load('train'), test: await load('test') }
  })
}

/** What a trainer learns from. */
export function batchesInMemory(dataset: LoadedDataset): DatasetBatches {
  return {
    count: { train: dataset.train.count, test: dataset.test.count },
    imageShape: dataset.train.imageShape,
    epoch: (split, options) => epochBatches(dataset[split], options),
    images: async (split) => dataset[split],
    async close() {},
  }
}

export async function allOf(batches: AsyncIterable<ImageBatch>): Promise<ImageBatch[]> {
  const all: ImageBatch[] = []
  for await (const batch of batches) all.push(batch)
  return all
}
