import { describe, expect, test } from 'vitest'
import { createCost } from '../../../src/predictor/cost.ts'

describe('the cost of a pass', () => {
  test('is not known before one was made, which is of one picture', () => {
    const cost = createCost()
    expect(cost.of(8)).toBeNull()
    expect(cost.most(500)).toBe(1)
  })

  test('has a part for the pass and one for each picture', () => {
    const cost = createCost()
    for (const pictures of [1, 4, 2, 8, 32]) cost.measured(pictures, 10 + 3 * pictures)
    expect(cost.of(16)).toBeCloseTo(58)
    expect(cost.most(100)).toBe(30)
    expect(cost.most(1)).toBe(1)
  })

  test('of batches of one size is by the picture', () => {
    const cost = createCost()
    for (let i = 0; i < 5; i++) cost.measured(4, 40)
    expect(cost.of(8)).toBeCloseTo(80)
  })

  test('follows a machine that becomes slower, and forgets a first pass that took long', () => {
    const cost = createCost()
    cost.measured(1, 2000)
    for (let i = 0; i < 60; i++) for (const pictures of [1, 8]) cost.measured(pictures, 5 * pictures)
    expect(cost.of(8)).toBeLessThan(42)
    for (let i = 0; i < 60; i++) for (const pictures of [1, 8]) cost.measured(pictures, 20 * pictures)
    expect(cost.of(8)).toBeGreaterThan(155)
  })

  test('is never negative, whatever is measured', () => {
    const cost = createCost()
    cost.measured(1, 200)
    cost.measured(32, 50)
    expect(cost.of(1)).toBeGreaterThan(0)
    expect(cost.of(32)).toBeGreaterThan(0)
    expect(cost.most(500)).toBeGreaterThan(1)
  })
})
