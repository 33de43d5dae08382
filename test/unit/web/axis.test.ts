import { describe, expect, test } from 'vitest'
import { AXES, type Point, placesOf, type Track } from '../../../web/chart/axis.ts'

const MINUTE = 60
const at = (seconds: number) => new Date(1_700_000_000_000 + 1000 * seconds).toISOString()

/**
 * Ten steps and 1000 images an epoch. It trained a step each second up to 12, was killed and began again at step 10 after
 * an hour: ten seconds had led to that.
 */
const TRACK: Track = {
  stepsPerEpoch: 10,
  imagesPerEpoch: 1000,
  attempts: [
    { attempt: 1, fromStep: 0, startedAt: at(0), secondsBefore: 0 },
    { attempt: 2, fromStep: 10, startedAt: at(60 * MINUTE), secondsBefore: 10 },
  ],
}
const point = (attempt: number, step: number, seconds: number): Point => ({
  attempt,
  step,
  epoch: step / 10,
  at: at(seconds),
})
const KNOWN = [point(1, 5, 5), point(1, 10, 10), point(2, 11, 3601), point(2, 20, 3610)]
const lost = point(1, 12, 12)
const on = (axis: (typeof AXES)[number], known = KNOWN) => placesOf(axis, TRACK, known)

describe('the places of points', () => {
  test.each([
    ['step', [5, 10, 11, 20]],
    ['epoch', [0.5, 1, 1.1, 2]],
    ['images', [500, 1000, 1100, 2000]],
    ['time', [5, 10, 11, 20]],
  ] as const)('over %s go on behind a restart', (axis, places) => {
    expect(KNOWN.map(on(axis).of)).toEqual(places.map((place) => expect.closeTo(place, 9)))
  })

  test('on the clock are when they were', () => {
    expect(KNOWN.map(on('clock').of)).toEqual(KNOWN.map((it) => Date.parse(it.at) / 1000))
  })

  test('of steps that were trained again stand beside those, by training time', () => {
    expect(on('time').of(lost)).toBe(12)
    expect(on('time').of(point(2, 12, 3602))).toBe(12)
  })

  test('are not told of an attempt that is not known yet, and never before its beginning', () => {
    expect(on('time').of(point(3, 21, 9000))).toBeNull()
    expect(on('time').of(point(2, 11, 3599))).toBe(10)
  })
})

describe('the place of a step', () => {
  test.each(AXES)('over %s is that of its point', (axis) => {
    const places = on(axis)
    for (const known of KNOWN) expect(places.ofStep(known.step)).toBeCloseTo(places.of(known)!, 9)
  })

  test('without a point is between those around it, and no pause comes in between', () => {
    expect(on('time').ofStep(7)).toBeCloseTo(7)
    expect(on('time').ofStep(15)).toBeCloseTo(15, 0)
    // A second after the restart, not half an hour.
    expect(on('clock', [KNOWN[0]!, KNOWN[1]!, KNOWN[3]!]).ofStep(11)).toBeCloseTo(1_700_000_000 + 3601, 0)
  })

  test('behind the last point is the last place, and before the first the beginning', () => {
    expect(on('time').ofStep(99)).toBe(20)
    expect(on('time').ofStep(0)).toBe(0)
    expect(placesOf('time', { ...TRACK, attempts: [] }, []).ofStep(3)).toBeNull()
  })

  test('is not told before the trainer has said how many there are', () => {
    expect(placesOf('images', { ...TRACK, stepsPerEpoch: 0 }, []).ofStep(3)).toBeNull()
  })

  test('leaves out an attempt that had gone on from what was trained again', () => {
    const attempts = [...TRACK.attempts, { attempt: 3, fromStep: 5, startedAt: at(7200), secondsBefore: 5 }]
    const known = [point(1, 5, 5), point(3, 6, 7201), point(3, 20, 7215)]
    expect(placesOf('clock', { ...TRACK, attempts }, known).ofStep(10)).toBeCloseTo(1_700_000_000 + 7205, 0)
  })
})

describe('the steps of a range', () => {
  test.each([
    ['step', 5, 15, { afterStep: 4, toStep: 15 }],
    ['epoch', 0.5, 1.5, { afterStep: 4, toStep: 15 }],
    ['images', 500, 1500, { afterStep: 4, toStep: 15 }],
  ] as const)('over %s are those in it', (axis, from, to, steps) => {
    expect(on(axis).stepsIn({ from, to })).toEqual(steps)
  })

  test('by time are all in it, with a point on either side', () => {
    const all = Array.from({ length: 10 }, (_, i) => point(1, i + 1, i + 1))
    expect(on('time', all).stepsIn({ from: 3.5, to: 6.5 })).toEqual({ afterStep: 2, toStep: 7 })
    const [from, to] = [1_700_000_003.5, 1_700_000_006.5]
    expect(on('clock', all).stepsIn({ from, to })).toEqual({ afterStep: 2, toStep: 7 })
  })

  test.each(AXES)('over %s are none below 0, and go on to what is not trained yet', (axis) => {
    const { afterStep, toStep } = on(axis).stepsIn({ from: -1e9, to: 1e12 })
    expect(afterStep).toBe(0)
    expect(toStep).toBe(2 ** 31 - 1)
  })
})
