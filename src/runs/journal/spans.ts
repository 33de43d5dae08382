import type { Tracing } from '../../ports/tracing.ts'
import type { RunEvent } from '../model/events.ts'

/** Of what is being done for runs, so that what is written for that is part of it. */
export interface RunSpans {
  /**
   * Until what it answers is called, writes of the run are part of the span with this traceparent. That answers what has no
   * spans: a run has ten writes of loss points a second for as long as it trains, and those that are quick are only counted.
   */
  enter(runId: string, traceparent: string | undefined): () => CountedWrites
  /** Events were committed together; `began` as performance.now() has it. */
  written(runId: string, events: readonly RunEvent[], began: number): void
}

export interface CountedWrites {
  count: number
  /** Of all together, in milliseconds. */
  ms: number
}

/** A write of loss points that takes longer has a span. */
const SLOW_MS = 100

export function createRunSpans(tracing: Tracing): RunSpans {
  const entered = new Map<string, { traceparent: string; counted: CountedWrites }>()
  return {
    enter(runId, traceparent) {
      const counted = { count: 0, ms: 0 }
      if (traceparent === undefined) return () => counted
      const entry = { traceparent, counted }
      entered.set(runId, entry)
      return () => {
        if (entered.get(runId) === entry) entered.delete(runId)
        return counted
      }
    },
    written(runId, events, since) {
      const entry = entered.get(runId)
      if (entry === undefined) return
      const ms = performance.now() - since
      if (ms < SLOW_MS && events.every(({ kind }) => kind === 'LOSS_POINTS')) {
        entry.counted.count += 1
        entry.counted.ms += ms
        return
      }
      const attributes = { 'vggzoo.events': events.length }
      tracing.begin('journal write', { parent: entry.traceparent, since, attributes }).end()
    },
  }
}
