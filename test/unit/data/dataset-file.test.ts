import { mkdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { readHeader, withDatasetFile } from '../../../src/data/dataset-file.ts'
import { DamagedDatasetError } from '../../../src/data/errors.ts'
import { loadDataset, loadSplit, readImages } from '../../../src/data/load.ts'
import { BLOCK, END, flip, HEADER, inHeader, overwrite, write } from '../../support/small-dataset.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

let file: string
beforeEach(async () => {
  file = join(temporaryFolder(), 'small.bin')
  await write(file)
})

const TEST_LABELS = HEADER + 100 + 100 * 3072

describe('a data set file that was altered', () => {
  test.each<[string, RegExp, (file: string) => void]>([
    ['in a label', /its content/, (it) => flip(it, HEADER)],
    ['in a training image', /its content/, (it) => flip(it, HEADER + 100 + 50_000)],
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
    const last = TEST_LABELS + 40 + 39 * 3072
    flip(file, last)
    await expect(images('test', [39])).rejects.toThrow(DamagedDatasetError)
    await expect(loadSplit(file, digest, 'test')).rejects.toThrow(DamagedDatasetError)
    const { pixels, labels } = await images('train', [21, 3])
    expect([...labels]).toEqual([whole.train.labels[21], whole.train.labels[3]])
    // Image 21 lies in two blocks.
    expect(Math.floor((100 + 21 * 3072) / BLOCK)).not.toBe(Math.floor((100 + 22 * 3072 - 1) / BLOCK))
    expect(pixels.subarray(0, 3072)).toEqual(whole.train.pixels.subarray(21 * 3072, 22 * 3072))

    flip(file, last)
    expect(await loadSplit(file, digest, 'test')).toEqual(whole.test)
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
