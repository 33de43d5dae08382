import type { Span, Tracing } from '../../ports/tracing.ts'

const NO_SPAN: Span = { traceparent: undefined, set() {}, fail() {}, end() {} }

/** Nobody looks. */
export const NO_TRACING: Tracing = { isOn: false, begin: () => NO_SPAN, async close() {} }
