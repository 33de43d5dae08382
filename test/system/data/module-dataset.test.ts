import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createDatasetStore } from '../../../src/data/dataset.ts'
import { readHeader } from '../../../src/data/dataset-file.ts'
import { openDatasetSources } from '../../../src/data/registry.ts'
import { alteredTinyModule } from '../../support/altered-dataset.ts'
import { FETCH_PROCESS, placeTinyDataset, TINY_MODULE } from '../../support/dataset-cache.ts'
import { loadDataset } from '../../support/loaded-dataset.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

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
    expect(await refusal(alteredTinyModule('i % CLASSES.length', 'i % 4'))).toMatch(
      /drawn from a seed: train image 3 has the label 3, and there are 3 classes/,
    )
    expect(await refusal(alteredTinyModule("yield draw('test')", ''))).toMatch(
      /it has 0 test images and not 60/,
    )
    expect(await refusal(alteredTinyModule('first: 0', 'first: 1'))).toMatch(
      /it has more than 240 train images/,
    )
    expect(
      await refusal(alteredTinyModule('labels, pixels }', 'labels, pixels: pixels.subarray(1) }')),
    ).toMatch(/240 train images have 276479 bytes and not 276480/)
    expect(
      await refusal(alteredTinyModule("yield draw('train')", "throw new Error('the pencil broke')")),
    ).toMatch(/drawn from a seed: the pencil broke.*To go on, mend the module/)
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
