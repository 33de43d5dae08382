import { mkdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  openDatasetFile,
  readHeader,
  withDatasetFile,
  writeDatasetFile,
} from '../../../src/data/dataset-file.ts'
import { DamagedDatasetError } from '../../../src/data/errors.ts'
import { readImages, readLabels } from '../../../src/data/read-images.ts'
import { loadDataset } from '../../support/loaded-dataset.ts'
import { BLOCK, END, FACTS, flip, HEADER, inHeader, overwrite, write } from '../../support/small-dataset.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

let file: string
beforeEach(async () => {
  file = join(temporaryFolder(), 'small.bin')
  await write(file)
})

const TEST_LABELS = HEADER + 200 + 100 * 3072

describe('a data set file that was altered', () => {
  test.each<[string, RegExp, (file: string) => void]>([
    ['in a label', /its content/, (it) => flip(it, HEADER)],
    ['in a training image', /its content/, (it) => flip(it, HEADER + 200 + 50_000)],
    ['in its last pixel', /its content/, (it) => flip(it, END - 1)],
    ['by zeros for a page', /its content/, (it) => overwrite(it, HEADER + BLOCK, new Uint8Array(4096))],
    ['by zeros from its beginning', /does not begin/, (it) => overwrite(it, 0, new Uint8Array(HEADER))],
    ['by zeros at its end', /table of checksums/, (it) => overwrite(it, END, new Uint8Array(64))],
    ['in its digest', /its header/, (it) => inHeader(it, readHeader(it).digest, '0'.repeat(64))],
    ['in its count', /its header/, (it) => inHeader(it, '"train":100,"test":40', '"train":90,"test":050')],
    ['in its shape', /its header/, (it) => inHeader(it, '[32,32,3]', '[16,64,3]')],
    ['in its source', /its header/, (it) => inHeader(it, 'a test', 'a best')],
    ['by cutting it short', /it has \d+ bytes and not/, (it) => truncateSync(it, END - 5)],
    ['by cutting all of it', /does not begin/, (it) => truncateSync(it, 0)],
    ['by a byte more', /it has \d+ bytes and not/, (it) => truncateSync(it, statSync(it).size + 1)],
    [
      'into a folder',
      /cannot be read \(EISDIR\)/,
      (it) => {
        rmSync(it)
        mkdirSync(it)
      },
    ],
    ['into nothing', /cannot be read \(ENOENT\)/, (it) => rmSync(it)],
  ])('%s is refused by a reader of all of it, and named', async (_how, what, alter) => {
    alter(file)
    const error = await loadDataset(file).catch((it: unknown) => it)
    expect(error).toBeInstanceOf(DamagedDatasetError)
    expect((error as Error).message).toMatch(what)
    expect((error as Error).message).toContain(file)
  })

  test('is refused by whoever reads the altered block, and by nobody else', async () => {
    const [whole, { digest }] = [await loadDataset(file), readHeader(file)]
    const images = (split: 'train' | 'test', indexes: number[]) =>
      withDatasetFile(file, digest, (opened) => readImages(opened, split, indexes))
    const last = TEST_LABELS + 80 + 39 * 3072
    flip(file, last)
    await expect(images('test', [39])).rejects.toThrow(DamagedDatasetError)
    const { pixels, labels } = await images('train', [21, 3])
    expect([...labels]).toEqual([whole.train.labels[21], whole.train.labels[3]])
    // Image 21 lies in two blocks.
    expect(Math.floor((200 + 21 * 3072) / BLOCK)).not.toBe(Math.floor((200 + 22 * 3072 - 1) / BLOCK))
    expect(pixels.subarray(0, 3072)).toEqual(whole.train.pixels.subarray(21 * 3072, 22 * 3072))

    flip(file, last)
    expect((await images('test', [39])).pixels).toEqual(whole.test.pixels.subarray(39 * 3072))
  })

  test('into another whole one is refused by whoever means the first', async () => {
    const { digest } = readHeader(file)
    await write(file, 3)
    await loadDataset(file)
    await expect(loadDataset(file, digest)).rejects.toThrow(
      `it holds other images or labels (${readHeader(file).digest}) than were prepared (${digest})`,
    )
  })
})

test('has as many classes as a thousand, each label in two bytes, also where images have odd numbers of them', async () => {
  const facts = {
    ...FACTS,
    classes: Array.from({ length: 1000 }, (_, i) => `class ${i}`),
    count: { train: 7, test: 3 },
    imageShape: [5, 7, 3] as [number, number, number],
  }
  const labels = { train: Uint16Array.of(999, 0, 255, 256, 257, 511, 512), test: Uint16Array.of(700, 1, 999) }
  async function* images() {
    for (const split of ['test', 'train'] as const) {
      const pixels = Uint8Array.from({ length: labels[split].length * 105 }, (_, i) => i)
      // In parts that begin anywhere.
      const [one, other] = [labels[split].subarray(0, 1), labels[split].subarray(1)]
      yield { split, first: 1, labels: other, pixels: pixels.subarray(105) }
      yield { split, first: 0, labels: one, pixels: pixels.subarray(0, 105) }
    }
  }
  await writeDatasetFile(file, dirname(file), facts, 'a test', images())
  const { digest } = readHeader(file)
  const { train, test } = await loadDataset(file, digest)
  expect([train.labels, test.labels]).toEqual([labels.train, labels.test])
  expect([...test.pixels.subarray(103, 107)]).toEqual([103, 104, 105, 106])
  await withDatasetFile(file, digest, async (opened) => {
    expect((await readImages(opened, 'test', [2, 0])).labels).toEqual(Uint16Array.of(999, 700))
    expect(await readLabels(opened, 'train')).toEqual(labels.train)
  })
})

test('a reader keeps the first blocks that it reads, up to its bound, and verifies the others at every read', async () => {
  const whole = await loadDataset(file)
  // Images 0 to 20 lie in the first block of content, 64 to 84 in the fourth.
  const opened = await openDatasetFile(file, undefined, BLOCK)
  const image = async (index: number) => (await readImages(opened, 'train', [index])).pixels
  const pixels = (index: number) => whole.train.pixels.subarray(index * 3072, (index + 1) * 3072)
  expect(await image(5)).toEqual(pixels(5))
  expect(await image(70)).toEqual(pixels(70))
  for (const index of [5, 70]) flip(file, HEADER + 200 + index * 3072)
  expect(await image(5)).toEqual(pixels(5))
  await expect(image(70)).rejects.toThrow(DamagedDatasetError)
  // What is answered is the caller's to change.
  ;(await image(5)).fill(0)
  expect(await image(5)).toEqual(pixels(5))
  await opened.close()
})
