import { afterAll, beforeAll, describe, vi } from 'vitest'
import { openTracing } from '../../../src/adapters/tracing/open.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../../support/otlp-receiver.ts'
import { describeTracing } from './tracing-contract.ts'

describe('to a collector,', () => {
  let collector: OtlpReceiver

  beforeAll(async () => {
    collector = await startOtlpReceiver()
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collector.url)
  })
  afterAll(() => {
    vi.unstubAllEnvs()
    collector.close()
  })

  describeTracing(() => openTracing(true, { process: 'server' }))
})
