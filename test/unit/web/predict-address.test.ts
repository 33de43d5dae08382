import { expect, it } from 'vitest'
import { readModel, writeModel } from '../../../web/predict/address.ts'

it.each([
  ['pets@champion', { name: 'pets', which: 'champion' }],
  ['pets@3', { name: 'pets', which: '3' }],
  ['pets', { name: 'pets', which: '' }],
  ['me@home@2', { name: 'me@home', which: '2' }],
  ['me@home@', { name: 'me@home', which: '' }],
])('reads %s as a model and one of its versions, and writes it the same', (text, model) => {
  expect(readModel(text)).toEqual(model)
  expect(writeModel(model.name, model.which)).toBe(text)
})

it('asks the newest model of all when nothing is named', () => {
  expect(readModel(null)).toBeNull()
  expect(readModel('')).toBeNull()
})
