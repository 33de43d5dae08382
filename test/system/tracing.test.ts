import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { noteLoadedModules } from '../support/loaded-modules.ts'
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../support/otlp-receiver.ts'
import {
  CONTROL,
  collectEvents,
  completeRun,
  isStatus,
  START,
  startRun,
  TINY,
  waitForEvent,
} from '../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../support/server.ts'
import { refusal } from './support/refusal.ts'

/** Of the span from which somebody calls. */
const CALLER = 'b7ad6b7169203331'
const PREDICT = `query Look { predict(input: { image: { sample: { dataset: "tiny", index: 0 } } }) {
  __typename ... on Error { message }
} }`

/** Of whoever calls: each test's own. */
let trace: { id: string; traceparent: string }
beforeEach(() => {
  const id = randomBytes(16).toString('hex')
  trace = { id, traceparent: `00-${id}-${CALLER}-01` }
})
afterAll(stopServers)

/** Sends spans as soon as there are some. */
const envOf = ({ url }: { url: string }) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: url,
  OTEL_BSP_SCHEDULE_DELAY: '50',
})

async function ask(server: TestServer, query: string, variables: object, headers: Record<string, string>) {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  })
  const { data, errors } = await response.json()
  return { data, errors, requestId: response.headers.get('x-request-id') }
}

const named = (name: string) => (spans: readonly ReceivedSpan[]) => spans.find((span) => span.name === name)
const roleOf = ({ resource }: ReceivedSpan) => resource['vggzoo.process']
const inTrace = (spans: readonly ReceivedSpan[]) => spans.filter(({ traceId }) => traceId === trace.id)
const isWithin = (inner: ReceivedSpan, outer: ReceivedSpan) =>
  inner.parentSpanId === outer.spanId && inner.start >= outer.start && inner.end <= outer.end

describe('where a server sends its spans', () => {
  let collector: OtlpReceiver
  let server: TestServer
  beforeAll(async () => {
    collector = await startOtlpReceiver()
    server = await startServer({ env: { ...envOf(collector), OTEL_SERVICE_NAME: 'zoo' } })
    await completeRun(server)
  })
  afterAll(async () => {
    await server.stop()
    collector.close()
  })

  async function numberOf(run: string): Promise<number> {
    return (await server.query(`{ trainingRun(id: "${run}") { number } }`)).trainingRun.number
  }

  test('a run is one trace from the request that started it to the last checkpoint of its trainer', async () => {
    const input = { ...TINY, epochs: 2, dataset: server.dataset }
    const { data, requestId } = await ask(server, START, { input }, { traceparent: trace.traceparent })
    const { id } = data.startTrainingRun
    await collectEvents(server, id)
    const number = await numberOf(id)
    // Of the server and of the trainer, the last to end.
    const spans = await collector.until((all) => {
      const its = inTrace(all)
      return [named('run attempt'), named('train')].every((find) => find(its)) ? its : undefined
    })

    const one = (name: string) => {
      const [span, another] = spans.filter((it) => it.name === name)
      expect(another, name).toBeUndefined()
      return span!
    }
    const [operation, queued, attempt] = ['mutation startTrainingRun', 'run queued', 'run attempt'].map(
      one,
    ) as [ReceivedSpan, ReceivedSpan, ReceivedSpan]
    expect(operation).toMatchObject({
      parentSpanId: CALLER,
      kind: 2,
      attributes: {
        'graphql.operation.type': 'mutation',
        'graphql.operation.name': 'Start',
        'vggzoo.request_id': requestId,
        'vggzoo.outcome': 'answered',
      },
      resource: { 'service.name': 'zoo', 'vggzoo.process': 'server', 'process.pid': server.pid },
    })
    for (const span of [queued, attempt]) {
      expect(span.parentSpanId).toBe(operation.spanId)
      expect(span.attributes).toMatchObject({ 'vggzoo.run': number, 'vggzoo.attempt': 1 })
    }
    expect(queued.end).toBeLessThanOrEqual(attempt.start)
    expect(attempt.attributes['vggzoo.outcome']).toBe('completed')
    // Steps are told of in their turn, more often than anybody wants to see.
    expect(attempt.attributes['vggzoo.point_writes']).toBeGreaterThan(0)
    expect(isWithin(one('prepare dataset'), attempt)).toBe(true)
    const writes = spans.filter(({ name }) => name === 'journal write')
    expect(writes.length).toBeGreaterThan(3)
    for (const write of writes) {
      expect(isWithin(write, attempt)).toBe(true)
      expect(write.attributes['vggzoo.events']).toBeGreaterThan(0)
    }

    const train = one('train')
    expect(isWithin(train, attempt)).toBe(true)
    expect(isWithin(one('prepare'), train)).toBe(true)
    const epochs = spans.filter(({ name }) => name === 'epoch')
    expect(epochs.map(({ attributes }) => attributes['vggzoo.epoch'])).toEqual([1, 2])
    const evaluations = spans.filter(({ name }) => name === 'evaluation')
    expect(evaluations).toHaveLength(2)
    for (const [i, epoch] of epochs.entries()) {
      expect(isWithin(epoch, train)).toBe(true)
      expect(isWithin(evaluations[i]!, epoch)).toBe(true)
      expect(epoch.attributes['vggzoo.test_loss']).toBeGreaterThan(0)
    }
    const checkpoints = spans.filter(({ name }) => name === 'checkpoint')
    expect(checkpoints.map(({ attributes }) => attributes['vggzoo.epoch'])).toEqual([1, 2])
    for (const checkpoint of checkpoints) expect(isWithin(checkpoint, train)).toBe(true)
    for (const span of [train, one('prepare'), ...epochs, ...evaluations, ...checkpoints]) {
      expect(span.resource).toMatchObject({ 'service.name': 'zoo', 'vggzoo.process': 'trainer' })
      expect(span.resource['process.pid']).toBe(train.resource['process.pid'])
    }
    expect(train.resource['process.pid']).not.toBe(server.pid)
    // Nothing was left out of it.
    expect(new Set(spans.map(roleOf))).toEqual(new Set(['server', 'trainer']))
  })

  describe('a prediction', () => {
    const predicted = (spans: readonly ReceivedSpan[]) => {
      const all = ['decode', 'wait', 'compute', 'predict', 'query predict'].map((name) =>
        named(name)(inTrace(spans)),
      )
      return all.includes(undefined) ? undefined : (all as ReceivedSpan[])
    }

    test('has its spans in the process that computes it, within that of the operation', async () => {
      const { data } = await ask(server, PREDICT, {}, { traceparent: trace.traceparent })
      expect(data.predict.__typename).toBe('Prediction')
      const [decode, wait, compute, predict, operation] = await collector.until(predicted)
      for (const span of [decode, wait, compute]) {
        expect(span!.traceId).toBe(trace.id)
        expect(isWithin(span!, predict!)).toBe(true)
        expect(roleOf(span!)).toBe('predictor')
      }
      expect(decode!.end).toBeLessThanOrEqual(wait!.start)
      expect(wait!.end).toBeLessThanOrEqual(compute!.start)
      expect(compute!.attributes['vggzoo.batch']).toBe(1)
      expect(compute!.links).toEqual([])
      expect(roleOf(predict!)).toBe('server')
      expect(isWithin(predict!, operation!)).toBe(true)
      expect(operation!.attributes['graphql.operation.name']).toBe('Look')
      expect(compute!.resource['process.pid']).not.toBe(server.pid)
    })

    test('that is computed with others has links to them', async () => {
      const picture = (index: number) => ({ sample: { dataset: 'tiny', index } })
      // The first one measures what a picture takes, and has no company.
      await ask(server, PREDICT, {}, {})
      const many = `query ($images: [ImageInput!]!) {
        predictMany(input: { images: $images }) { ... on PredictionBatch { count } }
      }`
      const images = Array.from({ length: 32 }, (_, index) => picture(index % 8))
      await ask(server, many, { images }, { traceparent: trace.traceparent })
      const ofMany = await collector.until((spans) => {
        const all = spans.filter(({ name, traceId }) => name === 'compute' && traceId === trace.id)
        return all.length === images.length ? all : undefined
      })
      const leader = ofMany.find(({ attributes }) => Number(attributes['vggzoo.batch']) > 1)!
      expect(leader.links).toHaveLength(Number(leader.attributes['vggzoo.batch']) - 1)
      const others = ofMany.filter(({ links }) => links.some(({ spanId }) => spanId === leader.spanId))
      expect(others.map(({ parentSpanId }) => parentSpanId).sort()).toEqual(
        leader.links.map(({ spanId }) => spanId).sort(),
      )
    })

    test('over WebSocket is part of the trace that its extensions name', async () => {
      const client = server.connect()
      for await (const { errors } of client.iterate({
        query: PREDICT,
        extensions: { traceparent: trace.traceparent },
      }))
        expect(errors).toBeUndefined()
      await client.dispose()
      const [, , , , operation] = await collector.until(predicted)
      expect(operation!.traceId).toBe(trace.id)
      expect(operation!.parentSpanId).toBe('b7ad6b7169203331')
    })
  })

  test('what has no header that names a trace begins one, and a subscription ends when its stream is there', async () => {
    const traceparents = [`00-${'0'.repeat(32)}-b7ad6b7169203331-01`, 'ff-x', `${trace.traceparent}-more`]
    for (const traceparent of traceparents) await ask(server, '{ __typename }', {}, { traceparent })
    const stream = server.subscribe('subscription { trainingRunsChanged { __typename } }')
    const next = stream.next()
    const subscription = await collector.until(named('subscription trainingRunsChanged'))
    await stream.return?.()
    await next
    expect(subscription.kind).toBe(2)
    const spans = await collector.until((all) => {
      const found = all.filter(({ name }) => name === 'query __typename')
      return found.length === traceparents.length ? found : undefined
    })
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(traceparents.length)
    for (const { traceId, parentSpanId } of spans) {
      expect(traceId).not.toBe(trace.id)
      expect(parentSpanId).toBe('')
    }
  })

  test('lines of the log about a run have the id of its trace', async () => {
    const input = { ...TINY, dataset: server.dataset }
    const { data } = await ask(server, START, { input }, { traceparent: trace.traceparent })
    const run = await numberOf(data.startTrainingRun.id)
    const line = await server.logged((it) => it.msg === 'run completed' && it.run === run)
    expect(line.traceId).toBe(trace.id)
  })
})

describe('where each test has a collector', () => {
  let collector: OtlpReceiver
  beforeEach(async () => {
    collector = await startOtlpReceiver()
  })
  afterEach(() => collector.close())

  test('a run that a restart of the server interrupts stays in its trace', async () => {
    const first = await startServer({ env: envOf(collector) })
    const input = { ...TINY, epochs: 200, dataset: first.dataset }
    const { data } = await ask(first, START, { input }, { traceparent: trace.traceparent })
    const { id } = data.startTrainingRun
    await waitForEvent(first, id, ({ __typename }) => __typename === 'CheckpointSaved')
    await first.stop()
    // Whoever starts the next server has said nothing of the trace.
    const second = await startServer({ dataDir: first.dataDir, env: envOf(collector) })
    await waitForEvent(second, id, (event) => isStatus('RUNNING')(event) && event.attempt === 2)
    await ask(second, CONTROL('cancel'), { id }, {})
    await second.stop()

    const spans = collector.spans.filter(({ traceId }) => traceId === trace.id)
    const attempts = spans.filter(({ name }) => name === 'run attempt')
    expect(
      attempts.map(({ attributes }) => [attributes['vggzoo.attempt'], attributes['vggzoo.outcome']]),
    ).toEqual([
      [1, 'stopped'],
      [2, 'stopped'],
    ])
    const [one, two] = attempts as [ReceivedSpan, ReceivedSpan]
    expect([one, two].map(({ resource }) => resource['process.pid'])).toEqual([first.pid, second.pid])
    const [operation] = spans.filter(({ name }) => name === 'mutation startTrainingRun')
    expect([one.parentSpanId, two.parentSpanId]).toEqual([operation!.spanId, operation!.spanId])
    const trainers = spans.filter(({ name }) => name === 'train')
    expect(trainers.map(({ parentSpanId }) => parentSpanId)).toEqual([one.spanId, two.spanId])
    // It waited again from when it was interrupted.
    const [, queued] = spans.filter(({ name }) => name === 'run queued')
    expect(queued!.start).toBeGreaterThan(one.start)
    // The operation that ended it has a trace of its own.
    const cancel = named('mutation cancelTrainingRun')(collector.spans)!
    expect(cancel.traceId).not.toBe(trace.id)
    expect(cancel.parentSpanId).toBe('')
  })

  test('headers, attributes and a share of the traces are as the variables of OpenTelemetry say', async () => {
    const server = await startServer({
      env: {
        ...envOf(collector),
        OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20secret',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
        OTEL_TRACES_SAMPLER: 'parentbased_always_off',
      },
    })
    await ask(server, '{ __typename }', {}, {})
    await ask(server, '{ __typename }', {}, { traceparent: trace.traceparent })
    await server.stop()
    expect(collector.spans.map(({ traceId, name }) => [traceId, name])).toEqual([
      [trace.id, 'query __typename'],
    ])
    expect(collector.spans[0]!.resource).toMatchObject({
      'service.name': 'vggzoo',
      'deployment.environment.name': 'test',
    })
    expect(collector.headers.authorization).toBe('Bearer secret')
  })

  test('without a collector everything is answered, and the log says what is lost', async () => {
    const { url } = collector
    collector.close()
    const server = await startServer({
      env: { ...envOf({ url }), OTEL_EXPORTER_OTLP_TIMEOUT: '300' },
    })
    await completeRun(server)
    expect((await server.query(PREDICT)).predict.__typename).toBe('Prediction')
    const line = await server.logged(({ msg }) => msg.startsWith('spans could not be delivered'))
    expect(line.level).toBe(40)
    await server.stop()
  })

  test('a collector that takes spans and never answers holds no stop up', async () => {
    let sent = () => {}
    const waits = new Promise<void>((resolve) => {
      sent = resolve
    })
    const silent = createServer(() => sent())
    await once(silent.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => {
      silent.closeAllConnections()
      silent.close()
    })
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
    // For as long as this test may take.
    const patient = { OTEL_EXPORTER_OTLP_TIMEOUT: '600000', OTEL_BSP_EXPORT_TIMEOUT: '600000' }
    const server = await startServer({ env: { ...envOf({ url }), ...patient } })
    await server.query('{ __typename }')
    await waits
    await server.stop()
  })

  test('a server that is told to send no spans sends none, and keeps no trace of its runs', async () => {
    const silent = await startServer({ env: { ...envOf(collector), OTEL_SDK_DISABLED: 'true' } })
    const id = await startRun(silent, { epochs: 200 })
    await waitForEvent(silent, id, isStatus('RUNNING'))
    await silent.stop()
    expect(collector.spans).toEqual([])
    const server = await startServer({ dataDir: silent.dataDir, env: envOf(collector) })
    await ask(server, CONTROL('cancel'), { id }, {})
    await server.stop()
    expect(named('run queued')(collector.spans)).toBeUndefined()
    expect(named('run attempt')(collector.spans)?.parentSpanId).toBe('')
  })

  test('the SDK is loaded where spans are sent, and nowhere else', async () => {
    for (const [env, entries] of [
      [{}, []],
      [envOf(collector), ['intake-thread.js', 'main.js', 'trainer-process.js']],
    ] as const) {
      const { options, loaded } = noteLoadedModules()
      const server = await startServer({ env: { ...env, NODE_OPTIONS: options } })
      await completeRun(server)
      await server.stop()
      const of = new Set(loaded().flatMap(({ entry, file }) => (isSdk(file) ? [entry] : [])))
      expect([...of].sort()).toEqual(entries)
    }
  })
})

/** One of its modules, or a file that it was put into. */
function isSdk(file: string): boolean {
  const isWithin = /\/@opentelemetry\/sdk-trace-base\//
  return isWithin.test(file) || (/\/dist\/server-/.test(file) && isWithin.test(readFileSync(file, 'utf8')))
}

test('a variable that would be passed over stops the start', async () => {
  const { code, lines } = await refusal({
    OTEL_EXPORTER_OTLP_ENDPOINT: 'localhost:4317',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
  })
  expect(code).toBe(1)
  expect(lines).toEqual([
    expect.stringMatching(/cannot start: OTEL_EXPORTER_OTLP_ENDPOINT must be a URL .*, not "localhost:4317"/),
    expect.stringMatching(/cannot start: OTEL_EXPORTER_OTLP_PROTOCOL must be http\/protobuf.*, not "grpc"/),
  ])
})
