import { expect, test } from 'vitest'
import { scoreClasses } from '../../../src/scoring/scores.ts'

test('precision, recall and F1 of a matrix worked by hand', () => {
  const [cat, dog, frog] = scoreClasses([
    [5, 2, 3],
    [1, 6, 1],
    [0, 0, 2],
  ])
  expect(cat).toEqual({ precision: 5 / 6, recall: 5 / 10, f1: 10 / 16, count: 10, predicted: 6 })
  expect(dog).toEqual({ precision: 6 / 8, recall: 6 / 8, f1: 12 / 16, count: 8, predicted: 8 })
  expect(frog).toEqual({ precision: 2 / 6, recall: 1, f1: 4 / 8, count: 2, predicted: 6 })
})

test('a score that divides by nothing is null: the precision of what is never predicted, the recall of what was not seen', () => {
  const [seen, predicted, neither] = scoreClasses([
    [0, 4, 0],
    [0, 0, 0],
    [0, 0, 0],
  ])
  expect(seen).toEqual({ precision: null, recall: 0, f1: 0, count: 4, predicted: 0 })
  expect(predicted).toEqual({ precision: 0, recall: null, f1: 0, count: 0, predicted: 4 })
  expect(neither).toEqual({ precision: null, recall: null, f1: null, count: 0, predicted: 0 })
})
