import { describe, expect, test } from 'vitest'
import { align, extentOf, lay, valueAt } from '../../../web/chart/align.ts'
import { placesOf } from '../../../web/chart/axis.ts'
import { tickText } from '../../../web/chart/axis-words.ts'
import { csvOf } from '../../../web/chart/csv.ts'
import { clustersOf, type Mark, textOf } from '../../../web/chart/marks.ts'
import { withoutPeaks } from '../../../web/chart/peaks.ts'
import { rangeParams, viewOf } from '../../../web/chart/view.ts'

describe('curves on one axis', () => {
  test('have each place once, and nothing where only another one has a point', () => {
    const { xs, values } = align([
      [
        [1, 10],
        [3, null],
      ],
      [
        [2, 20],
        [3, 30],
      ],
    ])
    expect(xs).toEqual([1, 2, 3])
    expect(values).toEqual([
      [10, undefined, null],
      [undefined, 20, 30],
    ])
  })

  test('keep their last value up to their end: not in a gap, not before their first point', () => {
    const values = [undefined, 1, undefined, null, undefined, 2, undefined]
    expect(values.map((_, i) => valueAt(values, i))).toEqual([null, 1, 1, null, null, 2, null])
  })

  test('have a gap on the clock where another attempt goes on, and there alone', () => {
    const track = { stepsPerEpoch: 1, imagesPerEpoch: 1, attempts: [] }
    const points = [1, 1, 2].map((attempt, i) => ({
      step: i + 1,
      epoch: i + 1,
      attempt,
      at: new Date(1000 * (i + 1)).toISOString(),
    }))
    const laid = (axis: 'step' | 'clock') =>
      lay(
        points,
        placesOf(axis, track, points),
        (point) => point,
        ({ step }) => step,
      )
    expect(laid('step')).toEqual([1, 2, 3].map((i) => [i, i]))
    expect(laid('clock')).toEqual([
      [1, 1],
      [2, 2],
      [expect.closeTo(3, 2), null],
      [3, 3],
    ])
  })

  test('reach from the first place of any to the last', () => {
    expect(extentOf([3, null, 1, 2])).toEqual({ from: 1, to: 3 })
    expect(extentOf([null])).toBeNull()
  })
})

describe('marks', () => {
  const mark = (x: number, kind: Mark['kind'] = 'checkpoint'): Mark => ({ x, kind, label: `${kind} ${x}` })
  const SEEN = { from: 0, to: 100, width: 500 }

  test('that are close are one button, which looks like the gravest of them', () => {
    const clusters = clustersOf([mark(40), mark(10), mark(12, 'restart'), mark(14)], SEEN, 26)
    expect(clusters.map(({ left, kind, marks }) => [left, kind, marks.length])).toEqual([
      [50, 'restart', 3],
      [200, 'checkpoint', 1],
    ])
    expect(textOf(clusters[0]!)).toBe('checkpoint 10; restart 12; checkpoint 14')
  })

  test('outside of what is seen have none, and an axis of no width has none at all', () => {
    expect(clustersOf([mark(-1), mark(101)], SEEN, 26)).toEqual([])
    expect(clustersOf([mark(5)], { from: 5, to: 5, width: 500 }, 26)).toEqual([])
  })

  test('never stand closer than a finger tells apart, however many there are', () => {
    const clusters = clustersOf(
      Array.from({ length: 500 }, (_, i) => mark(i / 5)),
      SEEN,
      26,
    )
    const lefts = clusters.map(({ left }) => left)
    expect(lefts.slice(1).every((left, i) => left - lefts[i]! >= 26)).toBe(true)
    expect(clusters.reduce((sum, { marks }) => sum + marks.length, 0)).toBe(500)
    expect(textOf(clusters[0]!)).toMatch(/; and \d+ more$/)
  })
})

describe('an axis without peaks', () => {
  const curve = Array.from({ length: 200 }, (_, i) =>
    i === 7 ? 1e6 : i === 9 ? -1e6 : i === 11 ? null : 1 + (i % 10),
  )

  test('has all values but the highest and the lowest hundredth, and room beside them', () => {
    expect(withoutPeaks([curve], false)).toEqual([1 - 0.45, 10 + 0.45])
    expect(withoutPeaks([[3], [undefined]], false)).toEqual([2.5, 3.5])
    expect(withoutPeaks([[null, undefined]], false)).toBeNull()
  })

  test('is of positive values where it is logarithmic', () => {
    const [from, to] = withoutPeaks([[...curve, 0, -3]], true)!
    expect(from).toBeCloseTo(10 ** -0.05)
    expect(to).toBeCloseTo(10 ** 1.05)
    expect(withoutPeaks([[0, -1]], true)).toBeNull()
  })
})

describe('the address of a chart', () => {
  const RUN = { name: 'x', usual: 'step' } as const

  test('says axis, range, scale and smoothing; what makes no sense says nothing', () => {
    const view = viewOf(
      new URLSearchParams('x=clock&from=1700000000&to=1700000060&y=log&peaks=cut&smooth=20'),
      RUN,
    )
    expect(view).toEqual({
      axis: 'clock',
      range: { from: 1_700_000_000, to: 1_700_000_060 },
      logarithmic: true,
      isCut: true,
      halfLife: 20,
    })
    const nothing = { axis: 'step', range: null, logarithmic: false, isCut: false, halfLife: 0 }
    for (const query of ['', 'x=furlongs&from=9&to=3&y=up&smooth=-1', 'from=&to=5', 'from=1&to=Infinity'])
      expect(viewOf(new URLSearchParams(query), RUN), query).toEqual(nothing)
  })

  test.each([
    [
      { from: 5, to: 15 },
      { from: '5', to: '15' },
    ],
    [
      { from: 1_700_000_000.123, to: 1_700_000_001.456 },
      { from: '1700000000.123', to: '1700000001.456' },
    ],
    [
      { from: 1234.5678, to: 999_999.9 },
      { from: '1235', to: '1000000' },
    ],
    [null, { from: null, to: null }],
  ])('writes the range %o as finely as it is looked at', (range, params) => {
    expect(rangeParams(range)).toEqual(params)
  })
})

test('ticks of durations are short: seconds, minutes, hours, days', () => {
  const ticks = [
    tickText('time', 0.25, 0.05),
    tickText('time', 45, 15),
    tickText('time', 90, 30),
    tickText('time', 7500, 300),
    tickText('time', 3 * 86_400, 86_400),
    tickText('step', 12_000, 1000),
  ]
  expect(ticks).toEqual(['0.250 s', '45 s', '1:30', '2:05:00', '3 d', '12,000'])
})

test('CSV quotes what would be taken for its own signs, and leaves what is not there empty', () => {
  expect(
    csvOf(
      ['a', 'b'],
      [
        [1, null],
        ['say "x", y', Number.NaN],
      ],
    ),
  ).toBe('a,b\r\n1,\r\n"say ""x"", y",NaN\r\n')
})
