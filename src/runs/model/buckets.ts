/** What a bucket needs to know of a loss point. */
export interface Mark {
  step: number
  attempt: number
  /** Null when it is not finite. */
  loss: number | null
}

/**
 * The points of steps index * width + 1 .. (index + 1) * width, thinned to those that a chart must not lose.
 * A width is a power of two, of which everything here has the logarithm: its level.
 */
export interface Bucket<Point extends Mark> {
  /** Buckets of different series are never merged: an attempt of a raw history; 0 for an effective one. */
  series: number
  index: number
  /** Points before thinning. */
  count: number
  /** Those of them whose loss is finite, and the sum of these losses. */
  finite: number
  sum: number
  /** The least finite loss, and of equal ones the first; null when none is finite. Likewise `max`. */
  min: Point | null
  max: Point | null
  last: Point
  /** The first that is not finite. */
  nonFinite: Point | null
}

/** The levels that the database keeps (LossBucket): 64 steps, then 16 times as many each; 2^29 steps are 10,000 epochs of 50,000. */
export const LEVELS = [6, 10, 14, 18, 22, 26] as const
export const TOP_LEVEL = 26
/** Wide enough for every step that there can be. */
const WIDEST = 30

export function bucketOf<Point extends Mark>(point: Point, level: number, series: number): Bucket<Point> {
  const finite = point.loss === null ? null : point
  return {
    series,
    index: (point.step - 1) >> level,
    count: 1,
    finite: finite === null ? 0 : 1,
    sum: point.loss ?? 0,
    min: finite,
    max: finite,
    last: point,
    nonFinite: finite === null ? point : null,
  }
}

/** Both in one; it takes the place of the first. */
export function merge<Point extends Mark>(one: Bucket<Point>, other: Bucket<Point>): Bucket<Point> {
  return {
    series: one.series,
    index: one.index,
    count: one.count + other.count,
    finite: one.finite + other.finite,
    sum: one.sum + other.sum,
    min: first(one.min, other.min, (a, b) => a.loss! - b.loss! || a.step - b.step),
    max: first(one.max, other.max, (a, b) => b.loss! - a.loss! || a.step - b.step),
    last: one.last.step > other.last.step ? one.last : other.last,
    nonFinite: first(one.nonFinite, other.nonFinite, (a, b) => a.step - b.step),
  }
}

/** The mean of the finite losses; null when there is none. */
export function meanOf({ finite, sum }: Pick<Bucket<Mark>, 'finite' | 'sum'>): number | null {
  return finite === 0 ? null : sum / finite
}

function first<Point>(one: Point | null, other: Point | null, order: (a: Point, b: Point) => number) {
  if (one === null || other === null) return one ?? other
  return order(one, other) <= 0 ? one : other
}

/** Points of one attempt as buckets of one level, in any order. */
export function gather<Point extends Mark>(
  points: Iterable<Point>,
  level: number,
  series = 0,
): Map<number, Bucket<Point>> {
  const buckets = new Map<number, Bucket<Point>>()
  for (const point of points) {
    const bucket = bucketOf(point, level, series)
    const before = buckets.get(bucket.index)
    buckets.set(bucket.index, before === undefined ? bucket : merge(before, bucket))
  }
  return buckets
}

/**
 * How many points buckets may come to. That a point may be the least and the last at once is left out of account:
 * so it never falls when a point is added, and the width that is just fine enough never shrinks as a run goes on.
 */
export function size(buckets: readonly Bucket<Mark>[]): number {
  return buckets.reduce((sum, { count, nonFinite }) => sum + Math.min(count, nonFinite === null ? 3 : 4), 0)
}

/**
 * Doubles the width until the buckets come to at most `maxPoints` points, or until each series is one bucket.
 * @param buckets  by series, then by index
 */
export function widen<Point extends Mark>(
  buckets: readonly Bucket<Point>[],
  level: number,
  maxPoints: number,
): { level: number; buckets: readonly Bucket<Point>[] } {
  if (size(buckets) <= maxPoints || level >= WIDEST) return { level, buckets }
  const wider: Bucket<Point>[] = []
  for (const bucket of buckets) {
    const half = { ...bucket, index: bucket.index >> 1 }
    const before = wider.at(-1)
    if (before?.series === half.series && before.index === half.index)
      wider[wider.length - 1] = merge(before, half)
    else wider.push(half)
  }
  return widen(wider, level + 1, maxPoints)
}

/** Every point that one of the buckets names, once. */
export function pointsOf<Point extends Mark>(buckets: Iterable<Bucket<Point>>): Point[] {
  const points = new Map<string, Point>()
  for (const { min, max, last, nonFinite } of buckets) {
    for (const point of [min, max, last, nonFinite]) if (point !== null) points.set(nameOf(point), point)
  }
  return [...points.values()]
}

/** The identity of a point within its run. */
export function nameOf({ attempt, step }: Mark): string {
  return `${attempt}/${step}`
}
