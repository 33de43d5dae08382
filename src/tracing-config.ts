import { validateHeaderName, validateHeaderValue } from 'node:http'
import * as z from 'zod'
import { isFile } from './config-paths.ts'

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const

const text = z.string().optional()

/**
 * What the environment says of traces, in OpenTelemetry's own words. Its SDK reads them where spans are sent from, in the
 * server and in processes that inherit them: here it is seen whether it will, and what it would pass over.
 */
export const TRACING_VARIABLES = {
  OTEL_SDK_DISABLED: text,
  OTEL_TRACES_EXPORTER: text,
  OTEL_EXPORTER_OTLP_ENDPOINT: text,
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: text,
  OTEL_EXPORTER_OTLP_PROTOCOL: text,
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: text,
  OTEL_EXPORTER_OTLP_HEADERS: text,
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: text,
  OTEL_EXPORTER_OTLP_COMPRESSION: text,
  OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: text,
  OTEL_EXPORTER_OTLP_TIMEOUT: text,
  OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: text,
  OTEL_EXPORTER_OTLP_CERTIFICATE: text,
  OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: text,
  OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: text,
  OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE: text,
  OTEL_EXPORTER_OTLP_CLIENT_KEY: text,
  OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY: text,
  OTEL_RESOURCE_ATTRIBUTES: text,
  OTEL_TRACES_SAMPLER: text,
  OTEL_TRACES_SAMPLER_ARG: text,
  OTEL_BSP_SCHEDULE_DELAY: text,
  OTEL_BSP_EXPORT_TIMEOUT: text,
  OTEL_BSP_MAX_QUEUE_SIZE: text,
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: text,
  OTEL_ATTRIBUTE_COUNT_LIMIT: text,
  OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: text,
  OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: text,
  OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: text,
  OTEL_SPAN_LINK_COUNT_LIMIT: text,
} as const

type Variables = z.infer<z.ZodObject<typeof TRACING_VARIABLES>>
type Name = keyof Variables

interface Check {
  isGood(value: string): boolean
  message: string
}

const URL_OF_COLLECTOR: Check = {
  isGood: (value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol),
  message: 'must be a URL such as http://127.0.0.1:4318',
}
const PROTOCOL: Check = {
  isGood: (value) => value === 'http/protobuf',
  message: 'must be http/protobuf, which collectors take at port 4318',
}
const HEADERS: Check = {
  isGood: (list) => entriesOf(list).every(isHeader),
  message: 'must be headers such as authorization=Bearer%20abc,x-lab=vision, their values percent-encoded',
}
const COMPRESSION: Check = {
  isGood: (value) => ['none', 'gzip'].includes(value.trim()),
  message: 'must be gzip or none',
}
const FILE: Check = { isGood: isFile, message: 'must be a file that exists' }
const COUNT: Check = { isGood: isWhole(0), message: 'must be a whole number from 0 to 999999999' }
const POSITIVE: Check = { isGood: isWhole(1), message: 'must be a whole number from 1 to 999999999' }

/** Of several names the first that is set counts. */
const CHECKS: readonly [readonly Name[], Check][] = [
  [['OTEL_TRACES_EXPORTER'], { isGood: (value) => value === 'otlp', message: 'must be otlp or none' }],
  [['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'], URL_OF_COLLECTOR],
  [['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'], PROTOCOL],
  // What they say is put together.
  [['OTEL_EXPORTER_OTLP_HEADERS'], HEADERS],
  [['OTEL_EXPORTER_OTLP_TRACES_HEADERS'], HEADERS],
  [['OTEL_EXPORTER_OTLP_TRACES_COMPRESSION', 'OTEL_EXPORTER_OTLP_COMPRESSION'], COMPRESSION],
  [['OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', 'OTEL_EXPORTER_OTLP_TIMEOUT'], POSITIVE],
  [['OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE', 'OTEL_EXPORTER_OTLP_CERTIFICATE'], FILE],
  [['OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE', 'OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE'], FILE],
  [['OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY', 'OTEL_EXPORTER_OTLP_CLIENT_KEY'], FILE],
  [
    ['OTEL_RESOURCE_ATTRIBUTES'],
    {
      isGood: (list) => entriesOf(list).every(isAttribute),
      message: 'must be attributes such as deployment.environment.name=lab, their values percent-encoded',
    },
  ],
  [
    ['OTEL_TRACES_SAMPLER'],
    {
      isGood: (value) => SAMPLERS.some((sampler) => sampler === value),
      message: `must be one of ${SAMPLERS.join(', ')}`,
    },
  ],
  [
    ['OTEL_TRACES_SAMPLER_ARG'],
    {
      isGood: (value) => Number(value) >= 0 && Number(value) <= 1,
      message: 'must be a number from 0 to 1',
    },
  ],
  [['OTEL_BSP_SCHEDULE_DELAY'], COUNT],
  [['OTEL_BSP_EXPORT_TIMEOUT'], POSITIVE],
  [['OTEL_BSP_MAX_QUEUE_SIZE'], POSITIVE],
  [['OTEL_BSP_MAX_EXPORT_BATCH_SIZE'], POSITIVE],
  [['OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', 'OTEL_ATTRIBUTE_COUNT_LIMIT'], COUNT],
  [['OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT', 'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT'], POSITIVE],
  [['OTEL_SPAN_LINK_COUNT_LIMIT'], COUNT],
]

/** Of who has no traces sent nothing is asked: the variables may be there for other programs. */
export function checkTracing(value: Variables, { addIssue }: z.RefinementCtx): void {
  if (!isTraced(value)) return
  for (const [names, { isGood, message }] of CHECKS) {
    const name = names.find((it) => value[it] !== undefined)
    if (name !== undefined && !isGood(value[name]!)) addIssue({ code: 'custom', path: [name], message })
  }
}

/** Whether spans are sent anywhere. */
export function isTraced(value: Variables): boolean {
  if (/^true$/i.test(value.OTEL_SDK_DISABLED ?? '') || value.OTEL_TRACES_EXPORTER === 'none') return false
  return (value.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? value.OTEL_EXPORTER_OTLP_ENDPOINT) !== undefined
}

/** Of sizes, and of milliseconds as far as timers of Node go. */
function isWhole(least: number): Check['isGood'] {
  return (value) => /^\s*\d{1,9}\s*$/.test(value) && Number(value) >= least
}

function entriesOf(list: string): string[] {
  return list.split(',').filter((entry) => entry.trim() !== '')
}

/** The SDK leaves out what is none, and what stands behind a semicolon. */
function isHeader(entry: string): boolean {
  const at = entry.indexOf('=')
  const [name, value] = [decoded(entry.slice(0, Math.max(at, 0))), decoded(entry.slice(at + 1))]
  if (!name || !value || entry.includes(';')) return false
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
    return true
  } catch {
    return false
  }
}

/** The SDK leaves out all of them for one that is none. */
function isAttribute(entry: string): boolean {
  const [name, value, more] = entry.split('=').map(decoded)
  const isShort = (part: string | null | undefined) => typeof part === 'string' && part.length <= 255
  return more === undefined && Boolean(name) && isShort(name) && isShort(value)
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part.trim())
  } catch {
    return null
  }
}
