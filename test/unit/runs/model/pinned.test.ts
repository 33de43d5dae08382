import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, test } from 'vitest'
import { NO_AUGMENTATION } from '../../../../src/data/augmentation/augmentation.ts'
import { epochBatches } from '../../../../src/data/batches.ts'
import type { Normalization } from '../../../../src/data/normalization.ts'
import { selectEngine } from '../../../../src/engine/select.ts'
import type { PinnedPicture } from '../../../../src/runs/model/pinned.ts'
import { createPinnedWatcher } from '../../../../src/trainer/pinned.ts'
import { findArchitecture } from '../../../../src/zoo/catalog.ts'
import { fitArchitecture } from '../../../../src/zoo/fit.ts'
import { forwardOf } from '../../../../src/zoo/forward.ts'
import { buildModel, initializeWeights } from '../../../../src/zoo/model.ts'
import { batchesInMemory, inMemory, type LoadedSplit } from '../../../support/loaded-dataset.ts'
import { seededRandom } from '../../../support/random.ts'

const NORMALIZATION: Normalization = { mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4] }
const COUNT = 12

beforeAll(async () => {
  await selectEngine('wasm')
})

function split(seed: number): LoadedSplit {
  const random = seededRandom(seed)
  return inMemory({
    count: COUNT,
    imageShape: [32, 32, 3],
    pixels: Uint8Array.from({ length: COUNT * 3072 }, () => Math.floor(random() * 256)),
    labels: Uint16Array.from({ length: COUNT }, (_, i) => (i + seed) % 10),
  })
}

const dataset = { train: split(1), test: split(2) }
const BATCHES = batchesInMemory(dataset)
const PINNED: PinnedPicture[] = [
  { split: 'test', index: 11 },
  { split: 'train', index: 3 },
  { split: 'test', index: 0 },
]

function network() {
  const model = buildModel(fitArchitecture(findArchitecture('vgg_mini')!, [32, 32, 3], 10))
  initializeWeights(model, 1)
  return model
}

/** What the network says of every image of a split, by the plain way. */
async function expected(model: tf.LayersModel, of: LoadedSplit): Promise<number[][]> {
  const { value: batch } = await epochBatches(of, {
    batchSize: COUNT,
    seed: 0,
    epoch: 0,
    shuffle: false,
    augmentation: NO_AUGMENTATION,
    normalization: NORMALIZATION,
  }).next()
  const x = tf.tensor4d(batch!.x, [COUNT, 32, 32, 3])
  return (await tf.softmax(forwardOf(model, { training: false })(x)).array()) as number[][]
}

test('the probabilities of pinned pictures are those of the network in evaluation mode, whatever batch they are in', async () => {
  const model = network()
  const results = await (await createPinnedWatcher(model, BATCHES, PINNED, NORMALIZATION))()
  const all = { train: await expected(model, dataset.train), test: await expected(model, dataset.test) }
  for (const [i, { split, index }] of PINNED.entries()) {
    expect(results[i]).toMatchObject({ split, index, label: dataset[split].labels[index] })
    const { probabilities } = results[i]
    expect(probabilities).toHaveLength(10)
    expect(probabilities!.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 12)
    for (const [k, value] of probabilities!.entries()) expect(value).toBeCloseTo(all[split][index][k], 5)
  }
})

test('watching leaves no tensor behind and shows the weights as they are at each call', async () => {
  const model = network()
  const watch = await createPinnedWatcher(model, BATCHES, PINNED, NORMALIZATION)
  const first = await watch()
  const { numTensors } = tf.memory()
  initializeWeights(model, 2)
  expect(await watch()).not.toEqual(first)
  initializeWeights(model, 1)
  expect(await watch()).toEqual(first)
  expect(tf.memory().numTensors).toBe(numTensors)
})

test('what is not finite is null', async () => {
  const model = network()
  const last = model.trainableWeights.at(-1)!.read() as tf.Variable
  last.assign(tf.fill(last.shape, Number.NaN))
  const results = await (await createPinnedWatcher(model, BATCHES, PINNED, NORMALIZATION))()
  expect(results.map(({ probabilities }) => probabilities)).toEqual([null, null, null])
})

test('nothing is computed where nothing is pinned', async () => {
  const watch = await createPinnedWatcher(network(), BATCHES, [], NORMALIZATION)
  expect(await watch()).toEqual([])
})
