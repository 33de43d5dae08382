/**
 * What the data costs a training run, beside the least that it could cost:
 *   npm run bench:data
 */
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BatchOptions, epochBatches } from '../src/data/batches.ts'
import { createCifar10Store } from '../src/data/dataset.ts'
import { loadDataset } from '../src/data/load.ts'

const ROUNDS = 5
const OPTIONS: BatchOptions = {
  batchSize: 128,
  seed: 1,
  epoch: 0,
  shuffle: true,
  augmentation: { horizontalFlip: false, cropPadding: 0, cutout: 0 },
  normalization: { mean: [0.49, 0.48, 0.45], std: [0.25, 0.24, 0.26] },
}

const store = createCifar10Store({
  folder: process.env.DATA_DIR ? join(process.env.DATA_DIR, 'datasets') : join(tmpdir(), 'vggzoo-bench-data'),
  entry: new URL('../dist/data/fetch-process.js', import.meta.url),
})
const { file } = await store.prepare()
const dataset = await loadDataset(file)

const read = await median(async () => void (await readFile(file)))
const load = await median(async () => void (await loadDataset(file)))
row('read the file, nothing else', read, read)
row('load and verify', load, read)

const copy = await median(async () => void Float32Array.from(dataset.train.pixels))
const epoch = (augmentation: BatchOptions['augmentation']) => () => {
  for (const _ of epochBatches(dataset.train, { ...OPTIONS, augmentation })) {
    // The batches themselves are the work.
  }
}
console.log('')
row('50,000 images to float32, in order', copy, copy)
row('an epoch: shuffled, normalised', await median(epoch(OPTIONS.augmentation)), copy)
row('and flipped and cropped', await median(epoch({ horizontalFlip: true, cropPadding: 4, cutout: 0 })), copy)

async function median(work: () => void | Promise<void>): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now()
    await work()
    times.push(performance.now() - started)
  }
  return times.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]
}

function row(what: string, milliseconds: number, baseline: number): void {
  const ratio = (milliseconds / baseline).toFixed(2)
  console.log(`${what.padEnd(38)} ${milliseconds.toFixed(0).padStart(6)} ms  ${ratio} x`)
}
