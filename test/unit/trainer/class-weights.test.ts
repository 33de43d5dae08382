import { expect, test } from 'vitest'
import { classWeightsOf } from '../../../src/trainer/class-weights.ts'

test('balanced weights are images / (classes * images of the class), so that each class weighs as much as another', () => {
  // Six of class 0, three of class 1, one of class 2.
  const labels = Uint16Array.of(0, 0, 1, 0, 0, 1, 2, 0, 1, 0)
  expect([...classWeightsOf('BALANCED', labels, 3)]).toEqual([10 / 18, 10 / 9, 10 / 3].map(Math.fround))
  // A class without an image takes nothing from the others but its place.
  expect([...classWeightsOf('BALANCED', labels.subarray(0, 2), 3)]).toEqual([Math.fround(1 / 3), 0, 0])
})

test('weights of a person are as they are', () => {
  expect([...classWeightsOf([1, 0.5, 4], Uint16Array.of(0), 3)]).toEqual([1, 0.5, 4])
})
