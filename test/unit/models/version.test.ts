import { expect, test } from 'vitest'
import { toVersion } from '../../../src/models/version.ts'

const ROW = {
  id: 'a version',
  preprocessing: {
    size: [32, 48],
    resize: { rule: 'COVER', shorterSide: null },
    mean: [0.5, 0.5, 0.5],
    std: [0.25, 0.25, 0.25],
    labels: ['cat', 'dog'],
  },
  evaluation: {
    dataset: 'cifar10',
    loss: null,
    accuracy: null,
    top5Accuracy: null,
    confusion: [[0, 0, 1]],
    count: 2,
    mistakes: [{ index: 1, label: 1, predicted: 0, confidence: 0.6, trueConfidence: 0.4 }],
  },
}

test('a version has all that its row has, the columns of JSON as they were stored', () => {
  expect(toVersion(ROW)).toEqual(ROW)
  expect(toVersion({ ...ROW, evaluation: null })).toEqual({ ...ROW, evaluation: null })
})

test.each([
  ['a size of three sides', { ...ROW, preprocessing: { ...ROW.preprocessing, size: [32, 32, 3] } }, 'size'],
  ['no labels', { ...ROW, preprocessing: { ...ROW.preprocessing, labels: null } }, 'labels'],
  [
    'a rule that is not known',
    { ...ROW, preprocessing: { ...ROW.preprocessing, resize: { rule: 'CROP', shorterSide: null } } },
    'rule',
  ],
  ['an accuracy that is a text', { ...ROW, evaluation: { ...ROW.evaluation, accuracy: '0.5' } }, 'accuracy'],
  ['an evaluation of no data set', { ...ROW, evaluation: { ...ROW.evaluation, dataset: null } }, 'dataset'],
])('a row with %s is refused by the name of what is wrong', (_what, row, name) => {
  expect(() => toVersion(row)).toThrow(name)
})
