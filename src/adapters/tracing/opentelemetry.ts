import { hostname } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import {
  type Context,
  DiagLogLevel,
  diag,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { ExportResultCode, setGlobalErrorHandler } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base'
import { createThrottle } from '../../concurrency/throttle.ts'
import type { Span, SpanOptions, Tracing } from '../../ports/tracing.ts'
import { formatTraceparent, parseTraceparent } from './traceparent.ts'

export interface TracingOptions {
  /** Which of the server's processes this is. */
  process: 'server' | 'trainer' | 'predictor'
  /** The version of vggzoo. */
  version?: string
  /** For people: that spans cannot be delivered, and what is wrong with a variable. They are dropped in silence when left out. */
  warn?(details: object, message: string): void
}

/** For what is left at the end: nobody waits longer for a process because its collector is gone. */
const FLUSH_MS = 1000
/** From the system's clock, whose reading is a whole number. */
const MOST_DRIFT_MS = 5
/** Between two warnings of a kind. */
const WARN_EVERY_MS = 60_000

/** Spans over OTLP, as the variables of OpenTelemetry say: where to, how many, in what batches. */
export function createTracing(options: TracingOptions): Tracing {
  const { warn = () => {} } = options
  passOn(warn)
  const exporter = warning(new OTLPTraceExporter(), warn)
  const provider = new BasicTracerProvider({
    resource: resourceOf(options),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  })
  const timeOf = createClock()
  const tracer = provider.getTracer('vggzoo', options.version)

  function begin(name: string, { parent, kind, attributes, links, since }: SpanOptions = {}): Span {
    const span = tracer.startSpan(
      name,
      {
        kind: kind === 'server' ? SpanKind.SERVER : SpanKind.INTERNAL,
        ...(attributes === undefined ? {} : { attributes }),
        ...(links === undefined ? {} : { links: links.flatMap(linkTo) }),
        startTime: since instanceof Date ? since : timeOf(since ?? performance.now()),
      },
      contextOf(parent),
    )
    return {
      traceparent: formatTraceparent(span.spanContext()),
      set: (attributes) => void span.setAttributes(attributes),
      fail(code, message) {
        span.setAttribute('error.type', code)
        span.setStatus({ code: SpanStatusCode.ERROR, message })
      },
      end: (at = performance.now()) => span.end(timeOf(at)),
    }
  }

  return {
    isOn: true,
    begin,
    async close() {
      const sent = provider.shutdown().catch(() => {})
      await Promise.race([sent, setTimeout(FLUSH_MS, undefined, { ref: false })])
    },
  }
}

/** What is said of the process; what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say comes first. */
function resourceOf({ process: role, version }: TracingOptions) {
  const own = resourceFromAttributes({
    'service.name': 'vggzoo',
    ...(version === undefined ? {} : { 'service.version': version }),
    'host.name': hostname(),
    'process.pid': process.pid,
    'vggzoo.process': role,
  })
  return defaultResource()
    .merge(own)
    .merge(detectResources({ detectors: [envDetector] }))
}

/**
 * From readings of performance.now() to milliseconds since 1970. Those of one process are as exact to each other as the
 * readings are; the system's clock is set now and then, and they follow it.
 */
function createClock(): (reading: number) => number {
  let origin = performance.timeOrigin
  return (reading) => {
    const drift = Date.now() - origin - performance.now()
    if (Math.abs(drift) > MOST_DRIFT_MS) origin += drift
    return origin + reading
  }
}

function contextOf(parent: string | undefined): Context {
  const span = parent === undefined ? null : parseTraceparent(parent)
  return span === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, span)
}

function linkTo(traceparent: string): { context: SpanContext }[] {
  const context = parseTraceparent(traceparent)
  return context === null ? [] : [{ context }]
}

/** What the SDK says of itself, each kind of it now and then. */
function passOn(warn: NonNullable<TracingOptions['warn']>): void {
  const isNew = createThrottle(WARN_EVERY_MS)
  const say = (...parts: unknown[]) => {
    const message = parts
      .flatMap((part) => (typeof part === 'string' ? part : part instanceof Error ? part.message : []))
      .join(' ')
    // The same with another count, or of another span.
    const kind = message.replace(/\b[\da-f]{16,}\b|\d+/g, '')
    if (isNew(kind)) warn({}, `OpenTelemetry: ${message}`)
  }
  diag.setLogger(
    { error: say, warn: say, info() {}, debug() {}, verbose() {} },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
  // By itself it says an error as JSON, its stack within.
  setGlobalErrorHandler(say)
}

/** Tells people now and then of what could not be delivered; it tries again by itself for a while, and then drops it. */
function warning(exporter: SpanExporter, warn: NonNullable<TracingOptions['warn']>): SpanExporter {
  const isNew = createThrottle(WARN_EVERY_MS)
  let lost = 0
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        if (result.error !== undefined) tell(result.error, spans.length)
        // Who is told of a failure does nothing but say it again.
        done({ code: ExportResultCode.SUCCESS })
      })
    },
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  }

  function tell(error: Error, count: number): void {
    lost += count
    const message = 'spans could not be delivered to the collector of OTEL_EXPORTER_OTLP_ENDPOINT'
    if (!isNew(message)) return
    warn({ err: error, lost }, message)
    lost = 0
  }
}
