import { expect, test } from 'vitest'
import type { ConfusionCell } from '../../../src/models/evaluation-result.ts'
import {
  balancedAccuracy,
  confusionMatrix,
  scoreClasses,
  worstConfusions,
} from '../../../src/scoring/scores.ts'

const MATRIX = [
  [5, 2, 3],
  [1, 6, 1],
  [0, 0, 2],
]
const CONFUSION: ConfusionCell[] = [
  [0, 0, 5],
  [0, 1, 2],
  [0, 2, 3],
  [1, 0, 1],
  [1, 1, 6],
  [1, 2, 1],
  [2, 2, 2],
]

test('a matrix has a 0 where a cell is not kept', () => {
  expect(confusionMatrix(CONFUSION, 3)).toEqual(MATRIX)
})

test('the most frequent confusions come first, equal ones by their classes, each with its share of the true class', () => {
  expect(worstConfusions(CONFUSION, 3)).toEqual([
    { label: 0, predicted: 2, count: 3, share: 3 / 10 },
    { label: 0, predicted: 1, count: 2, share: 2 / 10 },
    { label: 1, predicted: 0, count: 1, share: 1 / 8 },
  ])
})

test('precision, recall and F1 of a matrix worked by hand', () => {
  const [cat, dog, frog] = scoreClasses(CONFUSION, 3)
  expect(cat).toEqual({ precision: 5 / 6, recall: 5 / 10, f1: 10 / 16, count: 10, predicted: 6 })
  expect(dog).toEqual({ precision: 6 / 8, recall: 6 / 8, f1: 12 / 16, count: 8, predicted: 8 })
  expect(frog).toEqual({ precision: 2 / 6, recall: 1, f1: 4 / 8, count: 2, predicted: 6 })
})

test('balanced accuracy is the mean recall of the classes that were seen, whatever their sizes', () => {
  expect(balancedAccuracy(CONFUSION, 3)).toBeCloseTo((5 / 10 + 6 / 8 + 1) / 3, 12)
  // 98 of 100 are right, and one of two classes.
  const lazy: ConfusionCell[] = [
    [0, 0, 98],
    [1, 0, 2],
  ]
  expect(balancedAccuracy(lazy, 2)).toBe(0.5)
  expect(balancedAccuracy(lazy, 5)).toBe(0.5)
  expect(balancedAccuracy([], 5)).toBeNull()
})

test('a score that divides by nothing is null: the precision of what is never predicted, the recall of what was not seen', () => {
  const [seen, predicted, neither] = scoreClasses([[0, 1, 4]], 3)
  expect(seen).toEqual({ precision: null, recall: 0, f1: 0, count: 4, predicted: 0 })
  expect(predicted).toEqual({ precision: 0, recall: null, f1: 0, count: 0, predicted: 4 })
  expect(neither).toEqual({ precision: null, recall: null, f1: null, count: 0, predicted: 0 })
})
