import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { NO_AUGMENTATION } from '../../../src/data/augmentation/augmentation.ts'
import { type BatchOptions, epochBatches, type ImageBatch } from '../../../src/data/batches.ts'
import { type DatasetBatches, openBatches } from '../../../src/data/dataset-batches.ts'
import type { Split } from '../../../src/data/dataset-facts.ts'
import { readHeader } from '../../../src/data/dataset-file.ts'
import { DamagedDatasetError } from '../../../src/data/errors.ts'
import { type LoadedDataset, loadDataset } from '../../support/loaded-dataset.ts'
import { flip, HEADER, silently, write } from '../../support/small-dataset.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const THREAD = new URL('../../../dist/data/batch-thread.js', import.meta.url)
const OPTIONS: BatchOptions = {
  batchSize: 16,
  seed: 3,
  epoch: 0,
  shuffle: true,
  augmentation: { ...NO_AUGMENTATION, horizontalFlip: true, cropPadding: 4, cutout: 8 },
  normalization: { mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4] },
}
const EVERYTHING = {
  ...OPTIONS.augmentation,
  ...{ rotation: 20, scale: 0.2, resizedCrop: 0.5 },
  ...{ brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.1, erasing: 0.5, mixup: 1 },
}
const IN_ORDER: Partial<BatchOptions> = {
  shuffle: false,
  augmentation: NO_AUGMENTATION,
}

let file: string
let loaded: LoadedDataset
let batches: DatasetBatches
beforeEach(async () => {
  file = join(temporaryFolder(), 'small.bin')
  await write(file)
  loaded = await loadDataset(file)
  batches = await openBatches(file, readHeader(file).digest, { entry: THREAD, smallBytes: 0 })
})
afterEach(() => batches.close())

/** Copies, as a batch is lent. */
async function copied(epoch: AsyncIterable<ImageBatch>, most = Number.POSITIVE_INFINITY) {
  const all: ImageBatch[] = []
  if (most === 0) return all
  for await (const batch of epoch) {
    all.push({ ...batch, x: batch.x.slice() })
    if (all.length === most) break
  }
  return all
}

const here = (split: Split, options: Partial<BatchOptions> = {}) =>
  copied(epochBatches(loaded[split], { ...OPTIONS, ...options }))
const thread = (split: Split, options: Partial<BatchOptions> = {}, most?: number) =>
  copied(batches.epoch(split, { ...OPTIONS, ...options }), most)

test('a thread makes the same batches, to the last bit, of whatever part of an epoch is asked for', async () => {
  for (const [split, options] of [
    ['train', {}],
    ['train', { epoch: 1 }],
    ['test', IN_ORDER],
    ['train', { skip: 3 }],
    ['train', { limit: 20, batchSize: 7 }],
    ['train', { limit: 3, batchSize: 100 }],
    ['test', { ...IN_ORDER, batchSize: 1, limit: 2 }],
    ['train', { skip: 7 }],
    ['train', { skip: 2, augmentation: EVERYTHING }],
  ] as const) {
    expect(await thread(split, options), JSON.stringify(options)).toEqual(await here(split, options))
  }
})

test('an epoch that is left on its way leaves nothing of it in the next one', async () => {
  const [train, test] = [await here('train'), await here('test', IN_ORDER)]
  for (const most of [1, 2, 5]) {
    expect(await thread('train', {}, most)).toEqual(train.slice(0, most))
    expect(await thread('test', IN_ORDER)).toEqual(test)
  }
  expect(await thread('train')).toEqual(train)
})

test('a batch is lent: its memory is used again when the next one is asked for', async () => {
  const lent: Float32Array[] = []
  for await (const { x } of batches.epoch('train', OPTIONS)) lent.push(x)
  expect(lent.map(({ length }) => length)).toEqual(lent.map(() => 0))
  expect(lent).toHaveLength(7)
})

test('an image that is altered ends its epoch where it comes, as a damaged file', async () => {
  // Image 90, in the fifth block of content.
  flip(file, HEADER + 200 + 90 * 3072)
  const seen: number[] = []
  const epoch = async () => {
    for await (const { size } of batches.epoch('train', { ...OPTIONS, ...IN_ORDER })) seen.push(size)
  }
  const error = await epoch().catch((it: unknown) => it)
  expect(error).toBeInstanceOf(DamagedDatasetError)
  expect((error as Error).message).toContain(`${file} is damaged: its content does not match`)
  // Its block begins in the midst of image 85.
  expect(seen).toEqual([16, 16, 16, 16, 16])
  // The thread goes on.
  expect(await thread('train', { limit: 50 })).toEqual(await here('train', { limit: 50 }))
})

test('images that are in memory need their file no more', async () => {
  const before = await thread('train')
  silently(file, () => flip(file, HEADER + 200 + 90 * 3072))
  expect(await thread('train')).toEqual(before)
})

test('a file of other images is refused, by the thread too, and a thread that cannot start is told of', async () => {
  await expect(openBatches(file, '0'.repeat(64))).rejects.toThrow(DamagedDatasetError)
  // Replaced before the thread opens it.
  await write(file, 3)
  await expect(thread('train')).rejects.toThrow(/it holds other images or labels/)
  const broken = await openBatches(file, readHeader(file).digest, {
    entry: new URL('data:text/javascript,throw new Error("no room for a thread")'),
    smallBytes: 0,
  })
  await expect(broken.epoch('train', OPTIONS).next()).rejects.toThrow('no room for a thread')
  await broken.close()
})

test('a small epoch is made without a thread, to the same batches', async () => {
  const unthreaded = await openBatches(file, readHeader(file).digest, {
    entry: new URL('data:text/javascript,throw new Error("a thread")'),
    smallBytes: 50 * 3072,
  })
  const options = { ...OPTIONS, limit: 50 }
  expect(await copied(unthreaded.epoch('train', options))).toEqual(await here('train', options))
  await expect(unthreaded.epoch('train', { ...OPTIONS, limit: 51 }).next()).rejects.toThrow('a thread')
  await unthreaded.close()
})
