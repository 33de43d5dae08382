/** Beside the least that it could cost: reading the file, and a copy of the pixels. */
import { readFile } from 'node:fs/promises'
import { NO_AUGMENTATION } from '../src/data/augmentation/augmentation.ts'
import { type BatchOptions, epochBatches } from '../src/data/batches.ts'
import { imageBytes } from '../src/data/dataset-facts.ts'
import { openDatasetFile, placeOf, readHeader } from '../src/data/dataset-file.ts'
import { openSplit, type SplitImages } from '../src/data/split-images.ts'
import { defineBench } from './lib/bench.ts'
import { prepareDataset } from './lib/dataset.ts'
import { median } from './lib/statistics.ts'

const ROUNDS = 5
const OPTIONS: BatchOptions = {
  batchSize: 128,
  seed: 1,
  epoch: 0,
  shuffle: true,
  augmentation: NO_AUGMENTATION,
  normalization: { mean: [0.49, 0.48, 0.45], std: [0.25, 0.24, 0.26] },
}

export const bench = defineBench({
  measures: "milliseconds of reading CIFAR-10 and of making an epoch's batches",
  takes: '1 minute',
  needs: 'CIFAR-10 (139 MB, once)',
  async run() {
    const file = await prepareDataset()
    const { digest } = readHeader(file)
    const open = () => openDatasetFile(file, digest, 2 ** 30)
    const dataset = await open()
    const read = await medianOf(async () => void (await readFile(file)))
    const verified = await medianOf(dataset.verify)
    row('read the file, nothing else', read, read)
    row('read and verify', verified, read)

    const { pixels, end } = placeOf(dataset.header, 'train')
    const content = await dataset.read(pixels, end)
    const copy = await medianOf(async () => void Float32Array.from(content))
    const train = await openSplit(dataset, 'train')
    const epoch = async (split: SplitImages, augmentation: BatchOptions['augmentation']) => {
      const x = new Float32Array(OPTIONS.batchSize * imageBytes(split))
      for await (const _ of epochBatches(split, { ...OPTIONS, augmentation }, (n) => x.subarray(0, n))) {
        // The batches themselves are the work.
      }
    }
    const first = await medianOf(async () => {
      const fresh = await open()
      await epoch(await openSplit(fresh, 'train'), OPTIONS.augmentation)
      await fresh.close()
    })
    const augmentation = { ...NO_AUGMENTATION, horizontalFlip: true, cropPadding: 4 }
    console.log('')
    row('50,000 images to float32, in order', copy, copy)
    row('a first epoch: shuffled, normalised', first, copy)
    row('a later one', await medianOf(() => epoch(train, OPTIONS.augmentation)), copy)
    row('and flipped and cropped', await medianOf(() => epoch(train, augmentation)), copy)
    await dataset.close()
  },
})

async function medianOf(work: () => void | Promise<void>): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now()
    await work()
    times.push(performance.now() - started)
  }
  return median(times)
}

function row(what: string, milliseconds: number, baseline: number): void {
  const ratio = (milliseconds / baseline).toFixed(2)
  console.log(`${what.padEnd(38)} ${milliseconds.toFixed(0).padStart(6)} ms  ${ratio} x`)
}
