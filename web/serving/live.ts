import { useState } from 'preact/hooks'
import { graphql, type ResultOf } from '../../src/client/graphql.ts'
import { useStream } from '../live/stream.ts'

const SERVING = graphql(`
  subscription Serving($everyMs: Int!, $version: ID) {
    servingStats(everyMs: $everyMs, modelVersion: $version) {
      modelVersion { id version model { name } }
      answered
      refused
      failed
      predictionsPerSecond
      batchSize
      latency { p50 p90 p99 }
      decode { p50 p90 p99 }
      queue { p50 p90 p99 }
      compute { p50 p90 p99 }
    }
  }
`)

export type Serving = ResultOf<typeof SERVING>['servingStats'][number]

const EVERY_MS = 1000

/** How a version answers, or every version, second by second; null until it is known. */
export function useServing(version: string | null = null): readonly Serving[] | null {
  const [stats, show] = useState<readonly Serving[] | null>(null)
  useStream(SERVING, { everyMs: EVERY_MS, version }, ({ servingStats }) => show(servingStats))
  return stats
}

/** Pictures that were computed together, on an average. */
export function batchSize({ batchSize: pictures }: Serving): string {
  return pictures === null ? '–' : pictures.toFixed(1)
}

/** As the playground opens it. */
export const QUERY = `subscription Serving($version: ID) {
  servingStats(everyMs: 1000, modelVersion: $version) {
    modelVersion { version model { name } }
    answered
    predictionsPerSecond
    batchSize
    latency { p50 p90 p99 }
    queue { p50 p90 p99 }
    compute { p50 p90 p99 }
  }
}`
