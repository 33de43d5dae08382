import type { SpanOptions, Tracing } from '../../src/ports/tracing.ts'

export interface RecordedSpan extends SpanOptions {
  name: string
  failure?: { code: string; message: string }
  hasEnded: boolean
}

/** What every span of these is called: nobody tells them apart by that. */
export const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

/** Spans that stay in this process, as they are then. */
export function recordTracing(): Tracing & { readonly spans: RecordedSpan[] } {
  const spans: RecordedSpan[] = []
  return {
    spans,
    isOn: true,
    begin(name, options = {}) {
      const span: RecordedSpan = { ...options, name, hasEnded: false }
      spans.push(span)
      return {
        traceparent: TRACEPARENT,
        set(attributes) {
          span.attributes = { ...span.attributes, ...attributes }
        },
        fail(code, message) {
          span.failure = { code, message }
        },
        end() {
          span.hasEnded = true
        },
      }
    },
    async close() {},
  }
}
