import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { cp, open } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import sharp from 'sharp'
import { create } from 'tar'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDatasetStore, type DatasetStore, datasetFile } from '../../../src/data/dataset.ts'
import { readHeader } from '../../../src/data/dataset-file.ts'
import type { DatasetStatus } from '../../../src/data/preparation.ts'
import type { DatasetOrigin } from '../../../src/data/source.ts'
import { BINARY_FILES } from '../../../src/data/sources/cifar10/binary-batches.ts'
import { localFolder } from '../../../src/data/sources/cifar10/origins.ts'
import { cifar10 as source } from '../../../src/data/sources/cifar10/source.ts'
import { cachedDatasetFile, cachedDatasetFolder, FETCH_PROCESS } from '../../support/dataset-cache.ts'
import { type LoadedDataset, loadDataset } from '../../support/loaded-dataset.ts'
import { createRecordingLog, type RecordingLog } from '../../support/recording-log.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { emptyNpmCache, serve, sharedFolder } from './support.ts'

let cifar10: LoadedDataset
beforeAll(async () => {
  cifar10 = await loadDataset(cachedDatasetFile())
})

function storeIn(
  folder: string,
  origins?: DatasetOrigin[],
  log: RecordingLog = createRecordingLog(),
  onChange?: () => void,
): DatasetStore {
  return createDatasetStore({ source, folder, origins, logger: log, entry: FETCH_PROCESS, onChange })
}

function archive(url: string, tgz: Buffer): DatasetOrigin {
  const integrity = `md5-${createHash('md5').update(tgz).digest('base64')}`
  const from = { spec: `${url}/archive.tar.gz`, integrity, bytes: tgz.length, files: BINARY_FILES }
  return { name: 'an archive', remedy: 'mend it', form: 'binary-batches', from }
}

describe('CIFAR-10', () => {
  test('has 5,000 training images and 1,000 test images of each class, and begins with a frog', () => {
    const counts = (labels: Uint16Array) =>
      Array.from({ length: 10 }, (_, i) => labels.filter((it) => it === i).length)
    expect(counts(cifar10.train.labels)).toEqual(new Array(10).fill(5000))
    expect(counts(cifar10.test.labels)).toEqual(new Array(10).fill(1000))
    const { facts } = storeIn(cachedDatasetFolder())
    const first = (labels: Uint16Array) => [...labels.subarray(0, 4)].map((label) => facts.classes[label])
    expect(first(cifar10.train.labels)).toEqual(['frog', 'truck', 'truck', 'deer'])
    expect(first(cifar10.test.labels)).toEqual(['cat', 'ship', 'ship', 'airplane'])
  })

  test('has the means and deviations that runs normalise with', () => {
    const sums = [0, 0, 0]
    const squares = [0, 0, 0]
    const { pixels } = cifar10.train
    for (let at = 0; at < pixels.length; at++) {
      sums[at % 3] += pixels[at]
      squares[at % 3] += pixels[at] ** 2
    }
    const n = pixels.length / 3
    const mean = sums.map((sum) => sum / n)
    const std = squares.map((square, channel) => Math.sqrt(square / n - mean[channel] ** 2))
    for (const [channel, expected] of source.facts.normalization.mean.entries())
      expect(mean[channel] / 255).toBeCloseTo(expected, 4)
    for (const [channel, expected] of source.facts.normalization.std.entries())
      expect(std[channel] / 255).toBeCloseTo(expected, 4)
  })

  test('shows its images with their labels, and chooses samples by seed', async () => {
    const store = storeIn(cachedDatasetFolder())
    const samples = store.samples('test', 100, 5)
    expect(new Set(samples).size).toBe(100)
    expect(samples.every((index) => index >= 0 && index < 10_000)).toBe(true)
    expect(store.samples('test', 100, 5)).toEqual(samples)
    expect(store.samples('test', 100, 6)).not.toEqual(samples)

    const { pixels, labels } = await store.readImages('test', [9999, 3])
    expect([...labels]).toEqual([cifar10.test.labels[9999], cifar10.test.labels[3]])
    expect(Buffer.compare(pixels.subarray(3072), cifar10.test.pixels.subarray(3 * 3072, 4 * 3072))).toBe(0)

    const png = await sharp(await store.imagePng('test', 3, 4))
      .raw()
      .toBuffer({ resolveWithObject: true })
    expect([png.info.width, png.info.height, png.info.channels]).toEqual([128, 128, 3])
    for (const [y, x] of [
      [0, 0],
      [31, 31],
      [7, 20],
    ]) {
      const from = (y * 32 + x) * 3
      const drawn = ((4 * y + 3) * 128 + 4 * x + 2) * 3
      expect([...png.data.subarray(drawn, drawn + 3)]).toEqual([
        ...pixels.subarray(3072 + from, 3072 + from + 3),
      ])
    }
  })
})

describe('the official binary files', () => {
  const files = sharedFolder(afterAll)
  const present = () => readHeader(cachedDatasetFile()).digest

  beforeAll(async () => {
    const inner = join(files(), 'cifar-10-batches-bin')
    mkdirSync(inner)
    for (const [batch, name] of BINARY_FILES.entries()) {
      const { labels, pixels } = batch < 5 ? cifar10.train : cifar10.test
      const first = batch < 5 ? batch * 10_000 : 0
      const records = Buffer.alloc(10_000 * 3073)
      for (let i = 0; i < 10_000; i++) {
        records[i * 3073] = labels[first + i]
        for (let at = 0; at < 3072; at++) {
          records[i * 3073 + 1 + (at % 3) * 1024 + Math.floor(at / 3)] = pixels[(first + i) * 3072 + at]
        }
      }
      writeFileSync(join(inner, name), records)
    }
  })

  test('in a folder of a person give the same data as the npm package', async () => {
    const store = storeIn(temporaryFolder(), [localFolder(files())])
    expect(store.state()).toMatchObject({ state: 'MISSING', progress: 0, digest: null })
    const { file } = await store.prepare()
    expect(store.state()).toEqual({
      state: 'READY',
      progress: 1,
      fetch: null,
      digest: present(),
      source: files(),
      error: null,
    })
    const loaded = await loadDataset(file)
    expect(Buffer.compare(loaded.train.pixels, cifar10.train.pixels)).toBe(0)
  })

  test('in an archive are fetched once for all who wait, after a fetch that was cut off half-way', async () => {
    emptyNpmCache()
    const folder = temporaryFolder()
    await create({ cwd: files(), file: join(folder, 'packed'), gzip: { level: 0 } }, ['cifar-10-batches-bin'])
    const tgz = readFileSync(join(folder, 'packed'))
    let requests = 0
    const url = await serve((_request, response) => {
      requests += 1
      response.writeHead(200, { 'content-length': tgz.length })
      if (requests > 1) response.end(tgz)
      else response.write(tgz.subarray(0, tgz.length / 2), () => response.destroy())
    })
    const log = createRecordingLog()
    const seen: DatasetStatus[] = []
    const origins = [archive(url, tgz), archive(url, tgz)]
    const store = storeIn(join(folder, 'datasets'), origins, log, () => seen.push(store.state()))
    const impatient = new AbortController()
    const gaveUp = store.prepare(impatient.signal).catch((error) => error)
    const [first, second] = await Promise.all([
      store.prepare(),
      store.prepare(),
      log.next('warn').then(() => impatient.abort(new Error('no patience'))),
    ])
    expect(first).toEqual(second)
    expect((await gaveUp).message).toBe('no patience')
    expect(requests).toBe(2)
    expect(log.warnings).toEqual(['a source of the data set failed'])
    expect(store.state()).toMatchObject({ state: 'READY', digest: present() })
    expect(seen.some(({ progress }) => progress > 0 && progress < 1)).toBe(true)
    // Between one source and the next it is neither missing nor failed.
    expect(new Set(seen.slice(1).map(({ state }) => state))).toEqual(new Set(['FETCHING', 'READY']))
    expect(seen.map(({ fetch }) => fetch)).toContainEqual({
      phase: 'DOWNLOADING',
      bytes: expect.any(Number),
      totalBytes: store.downloadBytes,
    })
    expect(seen.some(({ fetch }) => fetch?.phase === 'CONVERTING')).toBe(true)
    expect(readdirSync(join(folder, 'datasets'))).toEqual(['cifar10.bin'])
  })

  test('mend a prepared file that was altered, and the log names it', async () => {
    const folder = temporaryFolder()
    const file = datasetFile(folder, 'cifar10')
    await cp(cachedDatasetFile(), file)
    const handle = await open(file, 'r+')
    await handle.write(
      Buffer.from([cifar10.test.pixels[777] ^ 1]),
      0,
      1,
      (await handle.stat()).size - 10_000 * 3072 + 777,
    )
    await handle.close()
    await expect(loadDataset(file)).rejects.toThrow(`The data set file ${file} is damaged`)

    const log = createRecordingLog()
    const store = storeIn(folder, [localFolder(files())], log)
    await store.prepare()
    expect(log.warnings).toEqual([expect.stringContaining(`${file} is damaged: its content`)])
    expect(store.state()).toMatchObject({ state: 'READY', source: files() })
    await loadDataset(file)
  })

  test('that are missing, cut short or no CIFAR-10 are named, and the next try may do better', async () => {
    const folder = temporaryFolder()
    const own = temporaryFolder()
    const store = storeIn(folder, [localFolder(own)])
    await expect(store.prepare()).rejects.toThrow(
      /no such file.*data_batch_1\.bin.*To go on, put data_batch_1\.bin/,
    )
    expect(store.state()).toMatchObject({ state: 'FAILED', error: expect.stringContaining(own) })
    const from = (name: string) => join(files(), 'cifar-10-batches-bin', name)
    await Promise.all(BINARY_FILES.map((name) => cp(from(name), join(own, name))))
    truncateSync(join(own, 'test_batch.bin'), 1_000_000)
    await expect(store.prepare()).rejects.toThrow(/test_batch\.bin has 1000000 bytes and not 30730000/)
    const wrong = readFileSync(from('data_batch_2.bin'))
    wrong[3073 * 5] = 10
    writeFileSync(join(own, 'data_batch_2.bin'), wrong)
    await expect(store.prepare()).rejects.toThrow(/data_batch_2\.bin has the label 10 at image 5/)
    expect(readdirSync(folder)).toEqual([])
    await Promise.all(BINARY_FILES.map((name) => cp(from(name), join(own, name))))
    await store.prepare()
    expect(store.state()).toMatchObject({ state: 'READY', error: null })
  })
})

describe('a fetch', () => {
  /** A small archive that is none of CIFAR-10. */
  async function smallArchive(letter = 'x'): Promise<Buffer> {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'small'))
    writeFileSync(join(folder, 'small', 'data_batch_1.bin'), letter.repeat(100_000))
    await create({ cwd: folder, file: join(folder, 'packed'), gzip: { level: 0 } }, ['small'])
    return readFileSync(join(folder, 'packed'))
  }

  async function failure(
    listener: RequestListener,
    change: (source: DatasetOrigin) => DatasetOrigin = (it) => it,
  ) {
    emptyNpmCache()
    const folder = temporaryFolder()
    const store = storeIn(folder, [change(archive(await serve(listener), await smallArchive()))])
    const error: Error = await store.prepare().then(
      () => new Error('it did not fail'),
      (reason) => reason,
    )
    expect(readdirSync(folder)).toEqual([])
    expect(store.state()).toMatchObject({ state: 'FAILED', error: error.message })
    return error.message
  }

  test('of something else than what was meant is refused', async () => {
    const other = await smallArchive('y')
    expect(await failure((_request, response) => response.end(other))).toMatch(
      /an archive: .*(integrity|checksum)/i,
    )
  })

  test('of an archive without the images says which files it lacks', async () => {
    const tgz = await smallArchive()
    expect(
      await failure(
        (_request, response) => response.end(tgz),
        (source) => archiveOf(source, tgz),
      ),
    ).toMatch(/it lacks data_batch_2\.bin.*To go on, mend it/)
  })

  test('that the server refuses says with which status', async () => {
    expect(await failure((_request, response) => response.writeHead(404).end())).toMatch(/404/)
  })

  test('ends with the store, and nothing of it is left', async () => {
    emptyNpmCache()
    const folder = temporaryFolder()
    const tgz = await smallArchive()
    let asked = () => {}
    const request = new Promise<void>((resolve) => {
      asked = resolve
    })
    // The rest never comes.
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': tgz.length })
      response.write(tgz.subarray(0, 1000), asked)
    })
    const store = storeIn(folder, [archive(url, tgz)])
    const preparing = store.prepare().catch((error) => error)
    await request
    expect(store.state()).toMatchObject({ state: 'FETCHING', source: 'an archive' })
    await store.close()
    expect((await preparing).message).toMatch(/stopping/)
    expect(readdirSync(folder)).toEqual([])
    await expect(store.prepare()).rejects.toThrow(/stopping/)
  })
})

describe('a prepared file', () => {
  test('that was cut short is not taken for READY, and a trainer that reads it names it', async () => {
    const folder = temporaryFolder()
    const file = datasetFile(folder, 'cifar10')
    await cp(cachedDatasetFile(), file)
    truncateSync(file, 5000)
    const log = createRecordingLog()
    expect(storeIn(folder, [], log).state().state).toBe('MISSING')
    expect(log.warnings).toEqual([expect.stringContaining(`${file} is damaged: it has 5000 bytes`)])
    await expect(loadDataset(file)).rejects.toThrow(`${file} is damaged: it has 5000 bytes`)
    writeFileSync(file, 'something else')
    await expect(loadDataset(file)).rejects.toThrow(`${file} is damaged: it does not begin as one does`)
  })

  test('that a person deleted is made again', async () => {
    const folder = temporaryFolder()
    const file = datasetFile(folder, 'cifar10')
    await cp(cachedDatasetFile(), file)
    const store = storeIn(folder, [localFolder('/nowhere')])
    await store.prepare()
    expect(existsSync(file)).toBe(true)
    const { rmSync } = await import('node:fs')
    rmSync(file)
    await expect(store.prepare()).rejects.toThrow('/nowhere')
  })
})

function archiveOf(source: DatasetOrigin, tgz: Buffer): DatasetOrigin {
  if ('folder' in source.from) return source
  return {
    ...source,
    from: { ...source.from, integrity: `md5-${createHash('md5').update(tgz).digest('base64')}` },
  }
}
