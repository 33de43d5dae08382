import { describe, expect, test } from 'vitest'
import { placesIn } from '../../../../src/runs/planning/queue-place.ts'

const starts = (...args: Parameters<typeof placesIn>) =>
  placesIn(...args).map(({ secondsUntilStart }) => secondsUntilStart)

describe('the places in a queue', () => {
  test('follow one another behind what is at work', () => {
    expect(placesIn([10], [5, 7], 1)).toEqual([
      { position: 1, ahead: 1, secondsUntilStart: 10 },
      { position: 2, ahead: 2, secondsUntilStart: 15 },
    ])
  })

  test('take the slot that is free first', () => {
    expect(starts([10, 4], [100, 3, 1], 2)).toEqual([4, 10, 13])
    expect(starts([10], [3, 9, 1], 2)).toEqual([0, 3, 10])
  })

  test('have no time behind a run of which nothing is known, unless a slot is free now', () => {
    expect(starts([null], [5, 7], 1)).toEqual([null, null])
    expect(starts([10], [null, 7], 1)).toEqual([10, null])
    expect(starts([null], [5, 7], 2)).toEqual([0, null])
    expect(starts([], [5, null, 7, 7], 2)).toEqual([0, 0, null, null])
  })
})
