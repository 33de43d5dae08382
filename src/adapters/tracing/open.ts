import type { Tracing } from '../../ports/tracing.ts'
import { NO_TRACING } from '../local/tracing.ts'
import type { TracingOptions } from './opentelemetry.ts'

/** OpenTelemetry's SDK takes a tenth of a second and ten megabytes to load: only where it is used. */
export async function openTracing(isOn: boolean, options: TracingOptions): Promise<Tracing> {
  if (!isOn) return NO_TRACING
  const { createTracing } = await import('./opentelemetry.ts')
  return createTracing(options)
}
