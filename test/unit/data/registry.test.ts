import { describe, expect, test } from 'vitest'
import { DEFAULT_DATASET, openDatasetSources } from '../../../src/data/registry.ts'
import { alteredTinyModule } from '../../support/altered-dataset.ts'
import { TINY_MODULE } from '../../support/dataset-cache.ts'

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
    expect(await refusal(alteredTinyModule('export default', 'export const source ='))).toMatch(
      /exports no data set: default: /,
    )
    expect(await refusal(alteredTinyModule("name: 'tiny'", "name: '../tiny'"))).toMatch(
      /default\.facts\.name: must begin with a lower-case letter/,
    )
    expect(await refusal(alteredTinyModule("'green square'", "'red disc'"))).toMatch(
      /default\.facts\.classes: must differ from one another/,
    )
    const classes = (count: number) =>
      alteredTinyModule(
        "['red disc', 'green square', 'blue triangle']",
        `Array.from({ length: ${count} }, (_, i) => 'class ' + i)`,
      )
    expect(await refusal(classes(1001))).toMatch(/default\.facts\.classes: .*<=1000/)
    expect(await refusal(classes(1000))).toBe('[object Object]')
    expect(await refusal(alteredTinyModule('[HEIGHT, WIDTH, 3]', '[HEIGHT, WIDTH, 1]'))).toMatch(
      /default\.facts\.imageShape\.2/,
    )
    expect(await refusal(alteredTinyModule(/std: \[[^\]]*\]/, 'std: [0.2, 0, 0.2]'))).toMatch(
      /default\.facts\.normalization\.std: must be above 0/,
    )
    expect(await refusal(alteredTinyModule("name: 'tiny'", `name: '${DEFAULT_DATASET}'`))).toMatch(
      /is of cifar10, which another one is already/,
    )
  })
})
