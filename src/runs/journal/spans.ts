import type { Tracing } from '../../ports/tracing.ts'

/** Of what is being done for runs, so that what is written for that is part of it. */
export interface RunSpans {
  /** Until what it answers is called, writes of the run are part of the span with this traceparent. */
  enter(runId: string, traceparent: string | undefined): () => void
  /** Events were committed together; `began` as performance.now() has it. */
  written(runId: string, events: number, began: number): void
}

export function createRunSpans(tracing: Tracing): RunSpans {
  const entered = new Map<string, string>()
  return {
    enter(runId, traceparent) {
      if (traceparent === undefined) return () => {}
      entered.set(runId, traceparent)
      return () => {
        if (entered.get(runId) === traceparent) entered.delete(runId)
      }
    },
    written(runId, events, since) {
      const parent = entered.get(runId)
      if (parent === undefined) return
      tracing.begin('journal write', { parent, since, attributes: { 'vggzoo.events': events } }).end()
    },
  }
}
