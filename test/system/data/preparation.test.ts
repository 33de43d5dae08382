import { copyFileSync, cpSync, mkdirSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { readHeader } from '../../../src/data/dataset-file.ts'
import { DamagedDatasetError, DatasetUnavailableError } from '../../../src/data/errors.ts'
import { createPreparation } from '../../../src/data/preparation.ts'
import { loadDataset } from '../../support/loaded-dataset.ts'
import { createRecordingLog } from '../../support/recording-log.ts'
import { END, FACTS, flip, HEADER, silently, write } from '../../support/small-dataset.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

let folder: string
let file: string
beforeEach(async () => {
  folder = temporaryFolder()
  file = join(folder, 'small.bin')
  await write(file)
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
