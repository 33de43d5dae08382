import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createDatasetStore } from '../../../src/data/dataset.ts'
import { readHeader } from '../../../src/data/dataset-file.ts'
import { loadDataset } from '../../../src/data/load.ts'
import { DEFAULT_DATASET, openDatasetSources } from '../../../src/data/registry.ts'
import { FETCH_PROCESS, placeTinyDataset, TINY_MODULE } from '../../support/dataset-cache.ts'
import { temporaryFolder } from './support.ts'

/** The tiny data set's module with something else in it. */
function altered(what: string | RegExp, by: string): string {
  const file = join(temporaryFolder(), 'dataset.mjs')
  const text = readFileSync(TINY_MODULE, 'utf8')
  const other = text.replace(what, by)
  expect(other).not.toBe(text)
  writeFileSync(file, other)
  return file
}

function prepare(module: string, name = 'tiny') {
  return openDatasetSources([module]).then(async (sources) => {
    const source = sources.find(name)!
    const store = createDatasetStore({
      source,
      modules: sources.modules,
      folder: temporaryFolder(),
      entry: FETCH_PROCESS,
    })
    return { facts: source.facts, ...(await store.prepare()) }
  })
}

describe('the registry of data sets', () => {
  test('finds the built-in one and those of modules by their names, and nothing else', async () => {
    const alone = await openDatasetSources()
    expect(alone.list().map(({ facts }) => facts.name)).toEqual([DEFAULT_DATASET])
    expect(alone.find('tiny')).toBeUndefined()
    const sources = await openDatasetSources([TINY_MODULE])
    expect(sources.list().map(({ facts }) => facts.name)).toEqual([DEFAULT_DATASET, 'tiny'])
    expect(sources.find('tiny')?.facts.imageShape).toEqual([16, 24, 3])
    expect(sources.find('toString')).toBeUndefined()
  })

  test('refuses a module that has no data set, and says what is wrong with it', async () => {
    const refusal = (module: string) => openDatasetSources([module]).then(String, (error) => error.message)
    expect(await refusal('/nowhere/dataset.mjs')).toMatch(
      /^The data set module \/nowhere\/dataset.mjs cannot be loaded: /,
    )
    expect(await refusal(altered('export default', 'export const source ='))).toMatch(
      /exports no data set: default: /,
    )
    expect(await refusal(altered("name: 'tiny'", "name: '../tiny'"))).toMatch(
      /default\.facts\.name: must begin with a lower-case letter/,
    )
    expect(await refusal(altered("'green square'", "'red disc'"))).toMatch(
      /default\.facts\.classes: must differ from one another/,
    )
    expect(await refusal(altered('[HEIGHT, WIDTH, 3]', '[HEIGHT, WIDTH, 1]'))).toMatch(
      /default\.facts\.imageShape\.2/,
    )
    expect(await refusal(altered(/std: \[[^\]]*\]/, 'std: [0.2, 0, 0.2]'))).toMatch(
      /default\.facts\.normalization\.std: must be above 0/,
    )
    expect(await refusal(altered("name: 'tiny'", `name: '${DEFAULT_DATASET}'`))).toMatch(
      /is of cifar10, which another one is already/,
    )
  })
})

describe("a module's data set", () => {
  test('is made by the fetch process as it is in this one, image for image', async () => {
    const { file, digest, facts } = await prepare(TINY_MODULE)
    const folder = temporaryFolder()
    await placeTinyDataset(folder)
    expect(readHeader(join(folder, 'datasets/tiny.bin')).digest).toBe(digest)
    const { train, test } = await loadDataset(file, digest)
    expect([train.count, test.count]).toEqual([240, 60])
    const [mean, std] = statisticsOf(train.pixels)
    for (const channel of [0, 1, 2]) {
      expect(mean[channel]).toBeCloseTo(facts.normalization.mean[channel], 2)
      expect(std[channel]).toBeCloseTo(facts.normalization.std[channel], 2)
    }
  })

  test('is refused when its images are not what its facts say', async () => {
    const refusal = (module: string) => prepare(module).then(String, (error) => error.message)
    expect(await refusal(altered('i % CLASSES.length', 'i % 4'))).toMatch(
      /drawn from a seed: train image 3 has the label 3, and there are 3 classes/,
    )
    expect(await refusal(altered("yield draw('test')", ''))).toMatch(/it has 0 test images and not 60/)
    expect(await refusal(altered('first: 0', 'first: 1'))).toMatch(/it has more than 240 train images/)
    expect(await refusal(altered('labels, pixels }', 'labels, pixels: pixels.subarray(1) }'))).toMatch(
      /240 train images have 276479 bytes and not 276480/,
    )
    expect(await refusal(altered("yield draw('train')", "throw new Error('the pencil broke')"))).toMatch(
      /drawn from a seed: the pencil broke.*To go on, mend the module/,
    )
  })
})

/** Means and standard deviations of the channels, pixels in [0, 1]. */
function statisticsOf(pixels: Uint8Array): [number[], number[]] {
  const channels = [0, 1, 2].map((channel) => pixels.filter((_, i) => i % 3 === channel))
  const mean = channels.map((values) => values.reduce((sum, value) => sum + value / 255, 0) / values.length)
  const std = channels.map((values, channel) =>
    Math.sqrt(values.reduce((sum, value) => sum + (value / 255 - mean[channel]) ** 2, 0) / values.length),
  )
  return [mean, std]
}
