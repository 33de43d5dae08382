import type { Places, Point } from './axis.ts'

/** A point of a curve: null is a gap. */
export type Placed = readonly [x: number, value: number | null]

/** Before what follows a pause of the clock, in seconds. */
const MOMENT = 1e-3

/**
 * What has a point, on an axis: without what has no place there. On the clock a curve has a gap where another attempt
 * goes on: nothing was trained meanwhile.
 */
export function lay<Item>(
  items: readonly Item[],
  places: Places,
  pointOf: (item: Item) => Point,
  figureOf: (item: Item, index: number) => number | null,
): Placed[] {
  let before: number | null = null
  return items.flatMap((item, i): Placed[] => {
    const point = pointOf(item)
    const x = places.of(point)
    if (x === null) return []
    const isAnother = places.axis === 'clock' && before !== null && before !== point.attempt
    before = point.attempt
    const placed: Placed = [x, figureOf(item, i)]
    return isAnother ? [[x - MOMENT, null], placed] : [placed]
  })
}

/** The xs of several curves together, rising, each once, and the values of each there: undefined where it has no point. */
export function align(curves: readonly (readonly Placed[])[]): {
  xs: number[]
  values: (number | null | undefined)[][]
} {
  const xs = [...new Set(curves.flatMap((points) => points.map(([x]) => x)))].sort(
    (one, other) => one - other,
  )
  const indexes = new Map(xs.map((x, i) => [x, i]))
  return {
    xs,
    values: curves.map((points) => {
      const values = new Array<number | null | undefined>(xs.length).fill(undefined)
      for (const [x, value] of points) values[indexes.get(x)!] = value
      return values
    }),
  }
}

/** From the first place of some curves to the last; null when they have none. */
export function extentOf(places: readonly (number | null)[]): { from: number; to: number } | null {
  let [from, to] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const place of places) {
    if (place === null) continue
    from = Math.min(from, place)
    to = Math.max(to, place)
  }
  return from <= to ? { from, to } : null
}

/**
 * What a curve has at a place where only another one may have a point: its last value up to there. Null in a gap,
 * before its first point and behind its last.
 */
export function valueAt(values: readonly (number | null | undefined)[], index: number): number | null {
  let before = index
  while (before >= 0 && values[before] === undefined) before--
  if (before < 0) return null
  if (before === index) return values[index]!
  let after = index + 1
  while (after < values.length && values[after] === undefined) after++
  return after === values.length ? null : values[before]!
}
