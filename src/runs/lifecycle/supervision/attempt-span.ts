import type { TrainingRun } from '../../../db/generated/client.ts'
import type { Span, Tracing } from '../../../ports/tracing.ts'
import type { Journal } from '../../journal/journal.ts'
import type { Ending } from './ending.ts'

export interface AttemptSpanOptions {
  tracing: Tracing
  journal: Pick<Journal, 'partOf' | 'statusChanges'>
}

/** The span of what is done for a run in one attempt, as part of the trace of who started the run. */
export interface AttemptSpan extends Pick<Span, 'traceparent'> {
  /** The time that the run has waited in the queue, as a span beside this one. */
  tellQueued(): Promise<void>
  end(outcome: Ending['kind'], failure: { code: string; message: string } | undefined): void
}

export function beginAttempt(run: TrainingRun, { tracing, journal }: AttemptSpanOptions): AttemptSpan {
  const parent = run.traceparent ?? undefined
  const attributes = {
    'vggzoo.run': run.number,
    'vggzoo.attempt': run.attempt,
    'vggzoo.architecture': run.architecture,
    'vggzoo.dataset': run.dataset,
  }
  const began = performance.now()
  const span = tracing.begin('run attempt', { parent, attributes, since: began })
  const leave = journal.partOf(run.id, span.traceparent)
  return {
    traceparent: span.traceparent,
    async tellQueued() {
      if (!tracing.isOn || parent === undefined) return
      const changes = await journal.statusChanges(run.id)
      // What starts it is no change of its status.
      const since = changes.findLast(({ status }) => status === 'QUEUED')?.at ?? run.createdAt
      tracing.begin('run queued', { parent, attributes, since }).end(began)
    },
    end(outcome, failure) {
      const { count, ms } = leave()
      span.set({ 'vggzoo.outcome': outcome, 'vggzoo.point_writes': count, 'vggzoo.point_write_ms': ms })
      if (failure !== undefined) span.fail(failure.code, failure.message)
      span.end()
    },
  }
}
