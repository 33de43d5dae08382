import * as z from 'zod'

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const

/**
 * What the environment says of traces, in OpenTelemetry's own words. Its SDK reads them where spans are sent from, in the
 * server and in processes that inherit them: here it is seen whether it will, and what it would pass over.
 */
export const TRACING_VARIABLES = {
  OTEL_SDK_DISABLED: z.string().optional(),
  OTEL_TRACES_EXPORTER: z.string().optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.string().optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: z.string().optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: z.string().optional(),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: z.string().optional(),
  OTEL_TRACES_SAMPLER: z.string().optional(),
  OTEL_TRACES_SAMPLER_ARG: z.string().optional(),
} as const

type Variables = z.infer<z.ZodObject<typeof TRACING_VARIABLES>>

const CHECKS: readonly {
  /** The first that is set counts. */
  names: readonly (keyof Variables)[]
  isGood(value: string): boolean
  message: string
}[] = [
  {
    names: ['OTEL_TRACES_EXPORTER'],
    isGood: (value) => value === 'otlp',
    message: 'must be otlp or none',
  },
  {
    names: ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'],
    isGood: (value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol),
    message: 'must be a URL such as http://127.0.0.1:4318',
  },
  {
    names: ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'],
    isGood: (value) => value === 'http/protobuf',
    message: 'must be http/protobuf, which collectors take at port 4318',
  },
  {
    names: ['OTEL_TRACES_SAMPLER'],
    isGood: (value) => SAMPLERS.some((sampler) => sampler === value),
    message: `must be one of ${SAMPLERS.join(', ')}`,
  },
  {
    names: ['OTEL_TRACES_SAMPLER_ARG'],
    isGood: (value) => Number(value) >= 0 && Number(value) <= 1,
    message: 'must be a number from 0 to 1',
  },
]

/** Of who has no traces sent nothing is asked: the variables may be there for other programs. */
export function checkTracing(value: Variables, { addIssue }: z.RefinementCtx): void {
  if (!isTraced(value)) return
  for (const { names, isGood, message } of CHECKS) {
    const name = names.find((it) => value[it] !== undefined)
    if (name !== undefined && !isGood(value[name]!)) addIssue({ code: 'custom', path: [name], message })
  }
}

/** Whether spans are sent anywhere. */
export function isTraced(value: Variables): boolean {
  if (/^true$/i.test(value.OTEL_SDK_DISABLED ?? '') || value.OTEL_TRACES_EXPORTER === 'none') return false
  return (value.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? value.OTEL_EXPORTER_OTLP_ENDPOINT) !== undefined
}
