/** Milliseconds below which all are one. */
const LEAST_MS = 0.01
/** Where the last bucket begins, that of all that took longer: 11 minutes or so. */
const MOST_MS = 700_000
/** A bucket ends at so many times its beginning. */
const GROWTH = 1.05
const WIDTH = Math.log(GROWTH)
/** The first one holds what is below LEAST_MS. */
const BUCKETS = 2 + Math.ceil(Math.log(MOST_MS / LEAST_MS) / WIDTH)

/** The values, in milliseconds, that 50, 90 and 99 % of all do not exceed. */
export interface Percentiles {
  p50: number
  p90: number
  p99: number
}

/**
 * Counts of latencies in buckets that grow by 5 %, so that any number of them takes 1.5 KB. A percentile is told as the
 * geometric middle of its bucket: it is at most 2.5 % from the one of the nearest rank, and what is below 0.01 ms is 0.
 */
export interface Latencies {
  add(ms: number): void
  /** Adds all that another one counted. */
  merge(other: Latencies): void
  /** Null when nothing was counted. */
  percentiles(): Percentiles | null
  readonly counts: Readonly<Uint32Array>
}

export function createLatencies(): Latencies {
  const counts = new Uint32Array(BUCKETS)

  /** The smallest value that at least such a share of all does not exceed. */
  function atShare(share: number, all: number): number {
    let left = Math.max(1, Math.ceil(share * all))
    for (const [bucket, count] of counts.entries()) {
      left -= count
      if (left <= 0) return middleOf(bucket)
    }
    throw new RangeError('There are fewer values than were counted.')
  }

  return {
    counts,
    add(ms) {
      counts[bucketOf(ms)]! += 1
    },
    merge(other) {
      for (let bucket = 0; bucket < BUCKETS; bucket++) counts[bucket]! += other.counts[bucket]!
    },
    percentiles() {
      let all = 0
      for (const count of counts) all += count
      if (all === 0) return null
      return { p50: atShare(0.5, all), p90: atShare(0.9, all), p99: atShare(0.99, all) }
    },
  }
}

function bucketOf(ms: number): number {
  if (!(ms >= LEAST_MS)) return 0
  return Math.min(BUCKETS - 1, 1 + Math.floor(Math.log(ms / LEAST_MS) / WIDTH))
}

function middleOf(bucket: number): number {
  return bucket === 0 ? 0 : LEAST_MS * GROWTH ** (bucket - 0.5)
}
