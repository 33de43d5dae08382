import { expect, test } from 'vitest'
import { type ComparedPoint, firstDifference } from '../../../../src/runs/reproduction/first-difference.ts'

const point = (step: number, loss: number | null, nonFinite: string | null = null): ComparedPoint => ({
  step,
  loss,
  nonFinite,
})
const STORED = [point(5, 2.3), point(10, 2.1), point(13, null, 'NaN')]

test('the same points do not differ, and a NaN is the same as a NaN', () => {
  expect(firstDifference(STORED, structuredClone(STORED))).toBeNull()
})

test('a loss that differs in its last bit is told with its step and the difference', () => {
  const nextAbove = 2.1 + 2 ** -51
  expect(firstDifference(STORED, [point(5, 2.3), point(10, nextAbove), point(13, 1)])).toEqual({
    step: 10,
    expected: 2.1,
    actual: nextAbove,
    difference: nextAbove - 2.1,
  })
})

test('another kind of not finite is a difference that is no number', () => {
  const again = [...STORED.slice(0, 2), point(13, null, 'Infinity')]
  expect(firstDifference(STORED, again)).toEqual({
    step: 13,
    expected: null,
    actual: null,
    difference: null,
  })
})

test('a training that ended too early differs where its points end, or where it broke', () => {
  expect(firstDifference(STORED, STORED.slice(0, 1))).toMatchObject({ step: 10, actual: null })
  expect(firstDifference(STORED, [point(5, 2.3), point(7, null, 'NaN')])).toMatchObject({
    step: 7,
    expected: 2.1,
    actual: null,
  })
})
