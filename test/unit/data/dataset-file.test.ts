import {
  closeSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { DatasetFacts } from '../../../src/data/dataset-facts.ts'
import {
  contentBytes,
  readHeader,
  withDatasetFile,
  writeDatasetFile,
} from '../../../src/data/dataset-file.ts'
import { DamagedDatasetError, DatasetUnavailableError } from '../../../src/data/errors.ts'
import { loadDataset, loadSplit, readImages } from '../../../src/data/load.ts'
import { createPreparation } from '../../../src/data/preparation.ts'
import { createRecordingLog } from '../../support/recording-log.ts'
import { temporaryFolder } from './support.ts'

/** Small enough to be written for every test, with more than one block of images. */
const FACTS: DatasetFacts = {
  name: 'small',
  title: 'A small one',
  classes: ['one', 'other'],
  count: { train: 100, test: 40 },
  imageShape: [32, 32, 3],
  normalization: { mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] },
}
const HEADER = 4096
const BLOCK = 65_536

/** @param seed  another one, another data set */
async function write(file: string, seed = 1): Promise<void> {
  async function* images() {
    for (const split of ['train', 'test'] as const) {
      const labels = Uint8Array.from({ length: FACTS.count[split] }, (_, i) => (i * seed) % 2)
      const pixels = Uint8Array.from({ length: labels.length * 3072 }, (_, i) => (i * 7919 * seed) % 251)
      yield { split, first: 0, labels, pixels }
    }
  }
  const scratch = `${file}.scratch`
  mkdirSync(scratch, { recursive: true })
  await writeDatasetFile(file, scratch, FACTS, 'a test', images())
  rmSync(scratch, { recursive: true })
}

function overwrite(file: string, at: number, bytes: Uint8Array): void {
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, bytes, 0, bytes.length, at)
  closeSync(descriptor)
}

/** As a disk forgets: neither the size nor the time of the file tells of it. */
function silently(file: string, alter: () => void): void {
  const { atime, mtime } = statSync(file)
  alter()
  utimesSync(file, atime, mtime)
}

const flip = (file: string, at: number) => overwrite(file, at, Uint8Array.of(readFileSync(file)[at]! ^ 1))

function inHeader(file: string, from: string, to: string): void {
  const at = readFileSync(file).indexOf(from)
  overwrite(file, at, Buffer.from(to))
}

let folder: string
let file: string
beforeEach(async () => {
  folder = temporaryFolder()
  file = join(folder, 'small.bin')
  await write(file)
})

const TEST_LABELS = HEADER + 100 + 100 * 3072
const END = HEADER + contentBytes(FACTS)

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

describe('the preparation of a data set', () => {
  function preparation(good: boolean) {
    const source = join(folder, 'source')
    mkdirSync(source, { recursive: true })
    if (good) copyFileSync(file, join(source, 'finished'))
    const log = createRecordingLog()
    const preparation = createPreparation({
      facts: FACTS,
      file,
      scratch: join(folder, 'scratch'),
      modules: [],
      origins: [{ name: 'a folder', remedy: 'mend it', from: { folder: source } }],
      logger: log,
      entry: new URL('../../support/scripted/scripted-fetcher.mjs', import.meta.url),
    })
    return { preparation, log }
  }

  test('tells that a file was altered while the server ran, and makes it again', async () => {
    const { digest } = readHeader(file)
    const { preparation: it, log } = preparation(true)
    expect(await it.ready()).toEqual({ file, digest })
    flip(file, HEADER + 5)
    await it.look()
    expect(it.status()).toMatchObject({ state: 'MISSING', digest: null })
    expect(it.status().error).toMatch(`${file} is damaged: its content`)
    expect(log.warnings).toHaveLength(1)
    expect(await it.ready()).toEqual({ file, digest })
    expect(it.status()).toMatchObject({ state: 'READY', digest, error: null })
    await loadDataset(file, digest)
  })

  test('makes a file again that a reader found damaged, though nothing else tells of it', async () => {
    const { preparation: it, log } = preparation(true)
    // In whole seconds: Node sets no finer times.
    utimesSync(file, 1_000_000_000, 1_000_000_000)
    const { digest } = await it.ready()
    silently(file, () => flip(file, END - 1))
    expect(await it.ready()).toEqual({ file, digest })
    expect(log.warnings).toEqual([])
    await expect(loadDataset(file, digest)).rejects.toThrow(DamagedDatasetError)
    it.distrust()
    await it.ready()
    await loadDataset(file, digest)
  })

  test('takes another whole file for what it is, and refuses one of another data set', async () => {
    const { preparation: it, log } = preparation(true)
    const { digest } = await it.ready()
    await write(file, 3)
    const other = readHeader(file).digest
    expect(other).not.toBe(digest)
    expect(await it.ready()).toEqual({ file, digest: other })
    expect(it.status()).toMatchObject({ state: 'READY', digest: other })
    expect(log.warnings).toEqual([])
  })

  test('names the file and its source when it cannot be made again, and takes one that a person puts there', async () => {
    const whole = join(folder, 'whole')
    cpSync(file, whole)
    const { preparation: it } = preparation(false)
    truncateSync(file, 1000)
    const error = await it.ready().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(DatasetUnavailableError)
    expect((error as Error).message).toMatch(/small\.bin is damaged.*a folder: .*To go on, mend it/)
    expect(it.status()).toMatchObject({ state: 'FAILED', error: (error as Error).message })
    cpSync(whole, file)
    await it.look()
    expect(it.status()).toMatchObject({ state: 'READY', error: null })
    writeFileSync(file, '')
    await it.look()
    expect(it.status()).toMatchObject({ state: 'MISSING', error: expect.stringContaining('does not begin') })
  })
})
