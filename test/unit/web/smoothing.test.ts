import { expect, test } from 'vitest'
import { smooth } from '../../../web/chart/smoothing.ts'

const STEPS = [1, 2, 3, 5, 8, 13, 21]

test('a constant stays what it is, however far apart its points are', () => {
  const smoothed = smooth(
    STEPS,
    STEPS.map(() => 2.5),
    4,
  )
  for (const value of smoothed) expect(value).toBeCloseTo(2.5, 12)
})

test('a half-life of 0 leaves a curve as it is', () => {
  expect(smooth(STEPS, STEPS, 0)).toEqual(STEPS)
})

test('a value counts half as much after as many steps as the half-life says', () => {
  // The first stands for one step; its weight is halved when the second comes, which has half of one.
  expect(smooth([1, 2], [0, 3], 1)[1]).toBeCloseTo((0.25 * 0 + 0.5 * 3) / 0.75, 12)
})

test('how much it smooths does not depend on how many points stand for the steps', () => {
  const every = Array.from({ length: 400 }, (_, i) => i + 1)
  const fourth = every.filter((step) => step % 4 === 0)
  const curve = (step: number) => Math.sin(step / 60)
  const [fine, coarse] = [every, fourth].map((steps) => smooth(steps, steps.map(curve), 20).at(-1)!)
  expect(coarse).toBeCloseTo(fine!, 1)
})

test('a gap stays a gap, what is not there stays out, and the curve goes on behind both', () => {
  const smoothed = smooth([1, 2, 3, 4, 5], [1, null, 1, undefined, 1], 2)
  expect(smoothed[1]).toBeNull()
  expect(smoothed[3]).toBeUndefined()
  for (const i of [0, 2, 4]) expect(smoothed[i]).toBeCloseTo(1, 12)
})
