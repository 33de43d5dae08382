export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

export interface SpanOptions {
  /** The traceparent of the span that it is part of. Without one, or with what is none, it begins a trace. */
  parent?: string | undefined
  /** Answers somebody outside the server; work within it when left out. */
  kind?: 'server'
  attributes?: SpanAttributes
  /** The traceparents of spans that it has to do with, and is no part of. */
  links?: readonly string[]
  /** When it began, in milliseconds of performance.now(), or as a date where that was elsewhere; now when left out. */
  since?: number | Date
}

/** Something that takes time, as part of a trace. */
export interface Span {
  /**
   * What names it in other processes and in the database: the header of the W3C, https://www.w3.org/TR/trace-context.
   * Undefined where nobody looks.
   */
  readonly traceparent: string | undefined
  set(attributes: SpanAttributes): void
  /** It failed by a fault of the server. */
  fail(code: string, message: string): void
  /** @param at  in milliseconds of performance.now(); now when left out */
  end(at?: number): void
}

/** Where traces go. What takes them neither throws nor waits. */
export interface Tracing {
  /** Whether anybody looks: else what only a span needs is not made. */
  readonly isOn: boolean
  begin(name: string, options?: SpanOptions): Span
  /** Sends the spans that have ended, and takes a second at most. What ends later is lost. */
  close(): Promise<void>
}

/** For lines of the log: by it a person finds the trace. */
export function traceIdOf(traceparent: string | undefined): { traceId?: string } {
  const traceId = traceparent?.split('-')[1]
  return traceId === undefined ? {} : { traceId }
}
