import { expect, test } from 'vitest'
import { createLinks, LINK_MINUTES } from '../../../src/server/access/links.ts'

const FILE = '/downloads/a/model.safetensors'
const MODEL = '/downloads/a/layers-model/model.json'

test('a signed link is good for its own file for ten minutes, and for the other files of its LayersModel', () => {
  let now = 1_000_000
  const links = createLinks(() => now)
  const [file, model] = [links.sign(FILE), links.sign(MODEL)]
  expect(links.isGood(file)).toBe(true)
  expect(links.isGood(model.replace('model.json', 'group1-shard1of1.bin'))).toBe(true)
  for (const wrong of [
    FILE,
    file.replace('/a/', '/b/'),
    file.replace(/expires=\d/, 'expires=9'),
    file.replace(/signature=./, 'signature='),
    file.replace(/expires=[^&]*/, 'expires=NaN'),
    file.replace(/&.*/, ''),
    model.replace('/a/', '/b/'),
    model.replace('layers-model/model.json', 'model.safetensors'),
    createLinks(() => now).sign(FILE),
  ])
    expect(links.isGood(wrong), wrong).toBe(false)
  now += LINK_MINUTES * 60 * 1000 + 1000
  expect(links.isGood(file)).toBe(false)
})
