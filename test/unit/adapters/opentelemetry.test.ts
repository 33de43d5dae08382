import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { openTracing } from '../../../src/adapters/tracing/open.ts'

afterEach(() => void vi.unstubAllEnvs())

/** A collector that takes nothing. */
async function startRefusing() {
  let asked = 0
  const waiting = new Map<number, () => void>()
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(400).end()
    waiting.get(++asked)?.()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    refused: (times: number) => new Promise<void>((resolve) => void waiting.set(times, resolve)),
  }
}

test('the log has one line for many batches that are not delivered, and one for each other kind of warning', async () => {
  const collector = await startRefusing()
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collector.url)
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '1')
  const lines: { details: object; message: string }[] = []
  const tracing = await openTracing(true, {
    process: 'server',
    warn: (details, message) => void lines.push({ details, message }),
  })
  for (let batch = 1; batch <= 3; batch++) {
    const refused = collector.refused(batch)
    tracing.begin('work').end()
    await refused
  }
  for (const name of ['one', 'one']) {
    const span = tracing.begin(name)
    span.end()
    span.end()
  }
  await tracing.close()
  expect(lines).toEqual([
    {
      details: { err: expect.any(Error), lost: 1 },
      message: expect.stringMatching(/^spans could not be delivered to the collector/),
    },
    { details: {}, message: expect.stringMatching(/^OpenTelemetry: Cannot execute the operation on ended/) },
    {
      details: {},
      message: expect.stringMatching(/^OpenTelemetry: one .* only call end\(\) on a span once/),
    },
  ])
})
