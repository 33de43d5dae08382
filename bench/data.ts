/** Beside the least that it could cost: reading the file, and a copy of the pixels. */
import { readFile } from 'node:fs/promises'
import { type BatchOptions, epochBatches } from '../src/data/batches.ts'
import { loadDataset } from '../src/data/load.ts'
import { defineBench } from './lib/bench.ts'
import { prepareDataset } from './lib/dataset.ts'
import { median } from './lib/statistics.ts'

const ROUNDS = 5
const OPTIONS: BatchOptions = {
  batchSize: 128,
  seed: 1,
  epoch: 0,
  shuffle: true,
  augmentation: { horizontalFlip: false, cropPadding: 0, cutout: 0 },
  normalization: { mean: [0.49, 0.48, 0.45], std: [0.25, 0.24, 0.26] },
}

export const bench = defineBench({
  measures: "milliseconds of loading CIFAR-10 and of making an epoch's batches",
  takes: '1 minute',
  needs: 'CIFAR-10 (139 MB, once)',
  async run() {
    const file = await prepareDataset()
    const dataset = await loadDataset(file)
    const read = await medianOf(async () => void (await readFile(file)))
    const load = await medianOf(async () => void (await loadDataset(file)))
    row('read the file, nothing else', read, read)
    row('load and verify', load, read)

    const copy = await medianOf(async () => void Float32Array.from(dataset.train.pixels))
    const epoch = (augmentation: BatchOptions['augmentation']) => () => {
      for (const _ of epochBatches(dataset.train, { ...OPTIONS, augmentation })) {
        // The batches themselves are the work.
      }
    }
    const augmentation = { horizontalFlip: true, cropPadding: 4, cutout: 0 }
    console.log('')
    row('50,000 images to float32, in order', copy, copy)
    row('an epoch: shuffled, normalised', await medianOf(epoch(OPTIONS.augmentation)), copy)
    row('and flipped and cropped', await medianOf(epoch(augmentation)), copy)
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
