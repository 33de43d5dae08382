import { afterEach, beforeEach, expect, test } from 'vitest'
import { NotFoundError } from '../../../../src/errors.ts'
import type { Context } from '../../../../src/schema/builder/context.ts'
import type { HttpServer } from '../../../../src/server/http.ts'
import { errorLog, serveGraphQL } from '../../../support/graphql-server.ts'
import { type RecordedSpan, recordTracing, TRACEPARENT } from '../../../support/recording-tracing.ts'

const RUN = Buffer.from('TrainingRun:1').toString('base64')

let server: HttpServer
let runs: Partial<Context['runs']>
let spans: RecordedSpan[]
let logged: string

beforeEach(async () => {
  runs = {}
  logged = ''
  const tracing = recordTracing()
  spans = tracing.spans
  server = await serveGraphQL({ runs }, { tracing, logger: errorLog((line) => (logged += line)) })
})
afterEach(() => server.close())

async function send(query: string, extensions?: object): Promise<string> {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      traceparent: 'of the header',
    },
    body: JSON.stringify({ query, extensions }),
  })
  await response.text()
  return response.headers.get('x-request-id')!
}

test('an operation has a span by the field that it asks for, with the name that its client gives it', async () => {
  const name = `a${'b'.repeat(500)}`
  const requestId = await send(`query ${name} { __typename }`)
  await send('{ a: __typename __schema { description } }')
  const of = (attributes: object) => ({
    'graphql.operation.type': 'query',
    'vggzoo.outcome': 'answered',
    'vggzoo.request_id': expect.any(String),
    ...attributes,
  })
  const all = { kind: 'server', parent: 'of the header', hasEnded: true }
  expect(spans).toEqual([
    {
      ...all,
      name: 'query __typename',
      attributes: of({ 'graphql.operation.name': name.slice(0, 128), 'vggzoo.request_id': requestId }),
    },
    { ...all, name: 'query several', attributes: of({}) },
  ])
})

test('what the request says of its trace in its extensions comes before its header, where it is a text', async () => {
  await send('{ __typename }', { traceparent: 'of the extensions' })
  await send('{ __typename }', { traceparent: ['no text'] })
  expect(spans.map(({ parent }) => parent)).toEqual(['of the extensions', 'of the header'])
})

test('a fault of the server fails the span, and the line of the log has the id of its trace', async () => {
  runs.find = async () => {
    throw new Error('the disk is on fire')
  }
  const requestId = await send(`{ trainingRun(id: "${RUN}") { id } }`)
  const failure = { code: 'INTERNAL_SERVER_ERROR', message: 'the disk is on fire' }
  expect(spans).toMatchObject([{ attributes: { 'vggzoo.outcome': 'failed' }, failure, hasEnded: true }])
  expect(JSON.parse(logged)).toMatchObject({ requestId, traceId: TRACEPARENT.split('-')[1] })
})

test('what is wrong with the request fails no span', async () => {
  await send('{ trainingRun(id: "\\u0000") { id } }')
  runs.follow = async () => {
    throw new NotFoundError('There is no such run.')
  }
  await send(`subscription { trainingRunEvents(id: "${RUN}") { ... on RunEvent { at } } }`)
  expect(spans.map(({ name, failure, hasEnded }) => [name, failure, hasEnded])).toEqual([
    ['query trainingRun', undefined, true],
    ['subscription trainingRunEvents', undefined, true],
  ])
  for (const { attributes } of spans) expect(attributes).toMatchObject({ 'vggzoo.outcome': 'refused' })
})

test('resolvers are told of the span that they work in', async () => {
  let told: string | undefined
  runs.control = async (_id, _input, by) => {
    told = by?.traceparent
    throw new NotFoundError('There is no such run.')
  }
  runs.ownerOf = async () => null
  await send(`mutation { pauseTrainingRun(id: "${RUN}") { __typename } }`)
  expect(told).toBe(TRACEPARENT)
})
