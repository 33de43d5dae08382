import { flatMap, newestOfEach } from '../concurrency/iterate.ts'
import type { ModelVersion } from '../db/generated/client.ts'
import { NotFoundError } from '../errors.ts'
import type { VersionResolver } from '../models/resolve-version.ts'
import {
  addLatency,
  createLatencies,
  type Latencies,
  type Percentiles,
  percentilesOf,
  removeLatencies,
} from './latencies.ts'
import type { PredictionTimes } from './protocol.ts'

/** What the newest minutes were like is kept in slices: one at a time is forgotten. */
const SLICE_MS = 10_000
const SLICES = 30
/** How far back the figures go, to within a slice. */
export const WINDOW_MINUTES = (SLICES * SLICE_MS) / 60_000
/** Versions that are told of; with all of them asked all the time it takes 15 MB. The one that was asked last longest ago goes. */
const MOST_VERSIONS = 64

type Measure = 'latency' | 'decode' | 'queue' | 'compute'

/** What a version did in the last minutes. */
export interface VersionServing extends Record<Measure, Percentiles | null> {
  version: ModelVersion
  answered: number
  /** There was no room for the request, or it was wrong: its picture cannot be read, or is not there. */
  refused: number
  /** By a fault of the model, of its file or of the server. */
  failed: number
  /** Answered in a second, on an average of the last 10 to 20 seconds. */
  perSecond: number
  /** Pictures in a forward pass, on an average; null when none was answered. */
  batchSize: number | null
}

/**
 * How fast predictions are answered, by the version that was asked, as it was in the last minutes. It is kept in memory alone.
 * What its sender cancelled counts nowhere.
 */
export interface ServingStats {
  /** @param latencyMs  of the whole, from the request to the answer */
  answered(versionId: string, latencyMs: number, times: PredictionTimes): void
  missed(versionId: string, how: 'refused' | 'failed'): void
  /** Of one version or of all, in the order in which they were first asked. None that was not asked lately, or was deleted. */
  read(versionId?: string): Promise<VersionServing[]>
  /** The same at once, and then about every so many milliseconds. A reader that is slower gets the newest only. */
  follow(everyMs: number, versionId?: string): AsyncIterableIterator<VersionServing[]>
  readonly listenerCount: number
}

interface Slice {
  /** Its place on the clock, in slices. */
  at: number
  answered: number
  refused: number
  failed: number
  /** Forward passes: a picture is its share of one. */
  passes: number
  latencies: Record<Measure, Latencies>
}

/** What is known of a version. */
interface Served {
  /** Those in which it was asked, the oldest first. */
  slices: Slice[]
  /** Of all of them. */
  latencies: Record<Measure, Latencies>
}

/** @param now  milliseconds of a clock that nobody sets */
export function createServingStats(
  models: { resolve: VersionResolver },
  now: () => number = () => performance.now(),
): ServingStats {
  const versions = new Map<string, Served>()
  const timers = new Set<NodeJS.Timeout>()

  /** Where a request is counted that has its end now. */
  function place(versionId: string): { served: Served; slice: Slice } {
    const at = Math.floor(now() / SLICE_MS)
    let served = versions.get(versionId)
    if (served === undefined) {
      if (versions.size >= MOST_VERSIONS) versions.delete(idlest())
      served = { slices: [], latencies: eachMeasure(createLatencies) }
      versions.set(versionId, served)
    }
    let slice = served.slices.at(-1)
    if (slice?.at !== at) {
      forgetOld(served, at)
      slice = { at, answered: 0, refused: 0, failed: 0, passes: 0, latencies: eachMeasure(createLatencies) }
      served.slices.push(slice)
    }
    return { served, slice }
  }

  function idlest(): string {
    const lastAsked = ([, { slices }]: [string, Served]) => slices.at(-1)?.at ?? 0
    return [...versions].reduce((one, other) => (lastAsked(other) < lastAsked(one) ? other : one))[0]
  }

  async function servingOf(versionId: string): Promise<VersionServing | null> {
    const served = versions.get(versionId)
    if (served === undefined) return null
    const at = now() / SLICE_MS
    forgetOld(served, Math.floor(at))
    if (served.slices.length === 0) {
      versions.delete(versionId)
      return null
    }
    // Before anything is waited for, so that the figures are of one moment.
    const figures = figuresOf(served, at)
    try {
      return { version: await models.resolve({ versionId }), ...figures }
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error
      versions.delete(versionId)
      return null
    }
  }

  async function read(versionId?: string): Promise<VersionServing[]> {
    const ids = versionId === undefined ? [...versions.keys()] : [versionId]
    const all = await Promise.all(ids.map(servingOf))
    return all.filter((serving) => serving !== null)
  }

  return {
    answered(versionId, latencyMs, { decodeMs, queueMs, computeMs, batch }) {
      const { served, slice } = place(versionId)
      slice.answered += 1
      slice.passes += 1 / batch
      for (const { latency, decode, queue, compute } of [served.latencies, slice.latencies]) {
        addLatency(latency, latencyMs)
        addLatency(decode, decodeMs)
        addLatency(queue, queueMs)
        addLatency(compute, computeMs)
      }
    },
    missed(versionId, how) {
      place(versionId).slice[how] += 1
    },
    read,
    follow(everyMs, versionId) {
      const words = newestOfEach((listener) => {
        const timer = setInterval(() => listener('serving'), everyMs).unref()
        timers.add(timer)
        listener('serving')
        return () => {
          clearInterval(timer)
          timers.delete(timer)
        }
      })
      return flatMap(words, async () => [await read(versionId)])
    },
    get listenerCount() {
      return timers.size
    },
  }
}

/** @param at  the newest slice that there may be */
function forgetOld({ slices, latencies }: Served, at: number): void {
  while (slices.length > 0 && slices[0]!.at <= at - SLICES) {
    const old = slices.shift()!
    eachMeasure((measure) => removeLatencies(latencies[measure], old.latencies[measure]))
  }
}

/** @param at  the moment, in slices */
function figuresOf({ slices, latencies }: Served, at: number): Omit<VersionServing, 'version'> {
  const sumOf = (part: 'answered' | 'refused' | 'failed' | 'passes', of = slices) =>
    of.reduce((sum, slice) => sum + slice[part], 0)
  const newest = slices.filter((slice) => slice.at >= Math.floor(at) - 1)
  const seconds = ((1 + (at % 1)) * SLICE_MS) / 1000
  const answered = sumOf('answered')
  return {
    answered,
    refused: sumOf('refused'),
    failed: sumOf('failed'),
    perSecond: sumOf('answered', newest) / seconds,
    batchSize: answered === 0 ? null : answered / sumOf('passes'),
    ...eachMeasure((measure) => percentilesOf(latencies[measure])),
  }
}

function eachMeasure<Value>(of: (measure: Measure) => Value): Record<Measure, Value> {
  return { latency: of('latency'), decode: of('decode'), queue: of('queue'), compute: of('compute') }
}
