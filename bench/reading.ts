/**
 * What a trainer's images cost its steps: 20,000 of 224 x 224 pixels, 3 GB on the disk for as long as it takes, and
 * CIFAR-10. Ends with 1 where a figure is above its limit.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { NO_AUGMENTATION } from '../src/data/augmentation/augmentation.ts'
import type { DatasetFacts } from '../src/data/dataset-facts.ts'
import { type DecodedImages, writeDatasetFile } from '../src/data/dataset-file.ts'
import { CIFAR10 } from '../src/data/sources/cifar10/facts.ts'
import { Random } from '../src/random.ts'
import type { Architecture } from '../src/zoo/architecture.ts'
import { parseFeatures } from '../src/zoo/features.ts'
import { defineBench } from './lib/bench.ts'
import { heading, judge, note } from './lib/budget.ts'
import { prepareDataset } from './lib/dataset.ts'
import { trainable } from './lib/networks.ts'
import { median } from './lib/statistics.ts'
import { measureTraining, type Trained } from './lib/trained.ts'

const SIDE = 224
const PIXELS = SIDE * SIDE * 3
const LARGE: DatasetFacts = {
  name: 'large',
  title: '20,000 generated pictures of 224 x 224 pixels',
  classes: ['one', 'other'],
  count: { train: 20_000, test: 64 },
  imageShape: [SIDE, SIDE, 3],
  normalization: { mean: [0.5, 0.5, 0.5], std: [0.29, 0.29, 0.29] },
}

/** So small that the engine asks for pictures as fast as one that trains may: few filters, and little left of a picture soon. */
const SMALL_VGG: Architecture = {
  ...trainable('vgg_mini'),
  name: 'small_vgg',
  features: parseFeatures('8,M,16,M,32,M,32,M,64,M'),
  inputShape: [SIDE, SIDE, 3],
  classes: 2,
  head: { kind: 'flat', hidden: [64], dropout: 0 },
}

const AUGMENTATION = { ...NO_AUGMENTATION, horizontalFlip: true, cropPadding: 4 }
const MOST_WAITING = 0.05
const MOST_BYTES = 2 * 2 ** 30
/** Of the images a second of the other version: less is more than chance. */
const LEAST_SPEED = 0.97
const SECONDS = 10
/** The machine's speed drifts: the versions take turns. */
const ROUNDS = 3

export const bench = defineBench({
  measures: "how long a trainer's steps wait for images, and its memory: 3 GB of pictures, CIFAR-10",
  takes: '3 minutes',
  needs: '3 GB of disk; CIFAR-10 (139 MB, once)',
  options: {
    beside: 'the folder of another version of vggzoo, built: CIFAR-10 is trained with both in turns',
  },
  async run({ beside }) {
    heading('20,000 pictures of 224 x 224 pixels, batch 32, flips and crops')
    const large = await withLargeDataset((datasetFile) =>
      measureTraining({
        architecture: SMALL_VGG,
        hyperparameters: { batchSize: 32, logEvery: 1, augmentation: AUGMENTATION },
        normalization: LARGE.normalization,
        datasetFile,
        seconds: 2 * SECONDS,
      }),
    )
    report(large)
    judge('at most', large.peakBytes / 2 ** 20, MOST_BYTES / 2 ** 20, 'MiB')

    heading('CIFAR-10, vgg_mini, batch 128, flips and crops')
    const datasetFile = await prepareDataset()
    const cifar10 = (entry?: URL, file = datasetFile) =>
      measureTraining({
        architecture: trainable('vgg_mini'),
        hyperparameters: { batchSize: 128, logEvery: 10, augmentation: AUGMENTATION },
        normalization: CIFAR10.normalization,
        datasetFile: file,
        seconds: SECONDS,
        entry,
      })
    if (beside === undefined) return report(await cifar10())
    const other = pathToFileURL(join(beside, 'dist/trainer/trainer-process.js'))
    const ratios: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const before = await cifar10(other)
      const now = await cifar10()
      report(now)
      note('images/s of the other version', before.imagesPerSecond, '')
      ratios.push(before.imagesPerSecond / now.imagesPerSecond)
    }
    judge('images/s of the other version, of those of this one', median(ratios), 1 / LEAST_SPEED, '')
  },
})

function report({ imagesPerSecond, waiting, peakBytes }: Trained): void {
  note('images/s', imagesPerSecond, '')
  judge('share of the time that steps wait for their images', waiting, MOST_WAITING, '')
  note('peak resident memory', peakBytes / 2 ** 20, 'MiB')
}

async function withLargeDataset<Result>(task: (file: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'vggzoo-bench-'))
  try {
    const file = join(folder, 'large.bin')
    await writeDatasetFile(file, folder, LARGE, 'generated', images())
    return await task(file)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Noise, a part of the same for each picture. */
async function* images(): AsyncGenerator<DecodedImages, void> {
  const random = new Random(1)
  const noise = Uint8Array.from({ length: 2 * PIXELS }, () => random.below(256))
  for (const split of ['train', 'test'] as const) {
    for (let first = 0; first < LARGE.count[split]; first++) {
      const from = random.below(PIXELS)
      yield {
        split,
        first,
        labels: Uint16Array.of(first % 2),
        pixels: noise.subarray(from, from + PIXELS),
      }
    }
  }
}
