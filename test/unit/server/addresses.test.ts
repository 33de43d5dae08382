import { expect, test } from 'vitest'
import { ADDRESSES, downloadAt } from '../../../src/server/addresses.ts'

const id = 'cm3-9_x'

test('the address of a file of a version leads to that file', () => {
  expect(downloadAt(ADDRESSES.safetensors({ id }))).toEqual({ versionId: id, format: 'safetensors' })
  expect(downloadAt(ADDRESSES.layersModel({ id }))).toEqual({
    versionId: id,
    format: 'layersModel',
    part: 'model.json',
  })
  // The parts of a LayersModel stand beside its model.json.
  const folder = ADDRESSES.layersModel({ id }).replace(/model\.json$/, '')
  expect(downloadAt(`${folder}group1-shard1of1.bin`)).toMatchObject({ part: 'group1-shard1of1.bin' })
})

test.each([
  '/downloads/',
  '/downloads/a',
  '/downloads/a/other',
  '/downloads/a/model.safetensors/part',
  '/downloads/a/layers-model',
  '/downloads/a/layers-model/',
  '/downloads/a/layers-model/b/c',
  '/downloads/a%2Fb/model.safetensors',
  '/downloads/../model.safetensors/x',
  '/other/a/model.safetensors',
])('%s is the address of nothing', (path) => {
  expect(downloadAt(path)).toBeNull()
})
