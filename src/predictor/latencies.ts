/** Milliseconds below which all are one. */
const LEAST_MS = 0.01
/** About where the last bucket begins, that of all that took longer: 11 minutes. */
const MOST_MS = 700_000
/** A bucket ends at so many times its beginning. */
const GROWTH = 1.05
const WIDTH = Math.log(GROWTH)
/** The first one holds what is below LEAST_MS. */
const BUCKETS = 2 + Math.ceil(Math.log(MOST_MS / LEAST_MS) / WIDTH)

/**
 * Counts of latencies, in buckets that grow by 5 %: any number of them takes 1.5 KB. A percentile is told as the geometric
 * middle of its bucket: it is at most 2.5 % from the one of the nearest rank, and what is below 0.01 ms is 0.
 */
export type Latencies = Uint32Array

/** The values, in milliseconds, that 50, 90 and 99 % of all do not exceed. */
export interface Percentiles {
  p50: number
  p90: number
  p99: number
}

export function createLatencies(): Latencies {
  return new Uint32Array(BUCKETS)
}

export function addLatency(latencies: Latencies, ms: number): void {
  latencies[bucketOf(ms)]! += 1
}

/** Takes out what is among them. */
export function removeLatencies(latencies: Latencies, old: Latencies): void {
  for (let bucket = 0; bucket < BUCKETS; bucket++) latencies[bucket]! -= old[bucket]!
}

/** Null when there are none. */
export function percentilesOf(latencies: Latencies): Percentiles | null {
  const all = latencies.reduce((sum, count) => sum + count, 0)
  if (all === 0) return null
  const atShare = (share: number) => {
    let left = Math.ceil(share * all)
    const bucket = latencies.findIndex((count) => {
      left -= count
      return left <= 0
    })
    return middleOf(bucket)
  }
  return { p50: atShare(0.5), p90: atShare(0.9), p99: atShare(0.99) }
}

function bucketOf(ms: number): number {
  if (!(ms >= LEAST_MS)) return 0
  return Math.min(BUCKETS - 1, 1 + Math.floor(Math.log(ms / LEAST_MS) / WIDTH))
}

function middleOf(bucket: number): number {
  return bucket === 0 ? 0 : LEAST_MS * GROWTH ** (bucket - 0.5)
}
