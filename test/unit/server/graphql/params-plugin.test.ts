import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { MAX_BODY_BYTES } from '../../../../src/server/graphql/limits.ts'
import { graphqlHandler } from '../../../support/graphql-server.ts'

let server: Server
let url: string
let logged = ''

beforeAll(async () => {
  const write = (line: string) => {
    logged += line
  }
  const handler = graphqlHandler({}, { logger: pino({ level: 'warn' }, { write }) })
  server = createServer(handler)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  logged = ''
})

const QUERY = '{ __typename }'
const ANSWER = { data: { __typename: 'Query' } }
const asJson = (body: unknown) => Buffer.from(JSON.stringify(body))

interface Answer {
  status: number
  headers: Headers
  body: { data?: unknown; errors?: { message: string; extensions: object }[] }
}

async function answerOf(response: Promise<Response>): Promise<Answer> {
  const { status, headers, ...answered } = await response.then(async (it) => ({
    status: it.status,
    headers: it.headers,
    body: (await it.json()) as Answer['body'],
  }))
  return { status, headers, ...answered }
}

const get = (query: string) => answerOf(fetch(`${url}?${query}`))

function post(body: Uint8Array | string, headers: Record<string, string> = {}): Promise<Answer> {
  const all = { 'content-type': 'application/json', 'x-graphql-yoga-csrf': '1', ...headers }
  return answerOf(fetch(url, { method: 'POST', headers: all, body: body as BodyInit }))
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

describe('an operation is read', () => {
  test.each([
    ['of a compressed body: gzip', gzipSync(asJson({ query: QUERY })), { 'content-encoding': 'gzip' }],
    ['of a compressed body: x-gzip', gzipSync(asJson({ query: QUERY })), { 'content-encoding': 'X-Gzip' }],
    [
      'of a compressed body: deflate',
      deflateSync(asJson({ query: QUERY })),
      { 'content-encoding': 'deflate' },
    ],
    ['of a compressed body: br', brotliCompressSync(asJson({ query: QUERY })), { 'content-encoding': 'br' }],
    ['of a compressed form', gzipSync(`query=${QUERY}`), { 'content-encoding': 'gzip', ...FORM }],
    ['of a body with the encoding identity', asJson({ query: QUERY }), { 'content-encoding': 'identity' }],
    ['behind a byte order mark', `\uFEFF${asJson({ query: QUERY })}`, {}],
    [
      'of a content type in capitals',
      asJson({ query: QUERY }),
      { 'content-type': 'Application/JSON ; Charset=UTF-8' },
    ],
    ['of a bare document', QUERY, { 'content-type': 'application/graphql' }],
    ['of a form', `query=${QUERY}&variables=&operationName=`, FORM],
    [
      'with nothing in what may be left out',
      asJson({ query: QUERY, variables: null, extensions: null, operationName: null }),
      {},
    ],
    [
      'with the hash of the query beside it',
      asJson({ query: QUERY, extensions: { persistedQuery: { version: 1, sha256Hash: 'a' } } }),
      {},
    ],
  ])('%s', async (_what, body, headers: Record<string, string>) => {
    const { status, body: answer } = await post(body, headers)
    expect(answer).toEqual(ANSWER)
    expect(status).toBe(200)
  })
})

describe('a request that is none is the mistake of its client, told in words and not logged', () => {
  const json = (body: unknown) => () => post(asJson(body))
  const gzip = { 'content-encoding': 'gzip' }

  test.each<[string, () => Promise<Answer>, number, RegExp]>([
    [
      'variables in a URL that are not JSON',
      () => get(`query=${QUERY}&variables={`),
      400,
      /"variables" is not JSON/,
    ],
    [
      'extensions in a URL that are not JSON',
      () => get(`query=${QUERY}&extensions=a`),
      400,
      /"extensions" is not JSON/,
    ],
    [
      'variables in a form that are not JSON',
      () => post(`query=${QUERY}&variables={`, FORM),
      400,
      /"variables" is not JSON/,
    ],
    ['variables in a URL that are a list', () => get(`query=${QUERY}&variables=[]`), 400, /variables.*array/],
    ['a query twice', () => get(`query=${QUERY}&query=${QUERY}`), 400, /"query" is there more than once/],
    ['a URL without a query', () => get(''), 400, /no "query"/],
    ['a query of broken percent-encoding', () => get('query=%FF%ZZ'), 200, /Syntax Error/],
    ['a list of operations', json([{ query: QUERY }]), 400, /Batching/],
    ['a body of another kind', json('text'), 400, /not a JSON object/],
    ['null', json(null), 400, /not a JSON object/],
    ['no body', () => post(''), 400, /not JSON/],
    ['half a body', () => post('{"query":'), 400, /not JSON/],
    [
      'a body in UTF-16',
      () => post(Buffer.from(`\uFEFF${asJson({ query: QUERY })}`, 'utf16le')),
      400,
      /not UTF-8/,
    ],
    ['a query that is a number', json({ query: 5 }), 400, /"query".*number/],
    ['an empty query', json({ query: '' }), 400, /no "query"/],
    ['no query', json({ variables: {} }), 400, /no "query"/],
    ['variables that are text', json({ query: QUERY, variables: 'a' }), 400, /"variables".*string/],
    ['extensions that are a list', json({ query: QUERY, extensions: [] }), 400, /"extensions".*array/],
    [
      'an operationName that is an object',
      json({ query: QUERY, operationName: {} }),
      400,
      /operationName must be a string/,
    ],
    [
      'an operation that is not there',
      json({ query: QUERY, operationName: 'A' }),
      400,
      /no operation "A". It has one without a name/,
    ],
    [
      'several operations, and no word of which',
      json({ query: 'query A { __typename } query B { __typename }' }),
      400,
      /has 2 operations. Say with operationName which is meant: "A", "B"/,
    ],
    ['a document of types', json({ query: 'type A { b: Int }' }), 400, /no operation: write one/],
    ['a document of comments', json({ query: '# nothing' }), 200, /Syntax Error/],
    [
      'variables as deep as a body is long',
      () => post(`{"query":"${QUERY}","variables":{"a":${'['.repeat(5e5)}"\\u0000"${']'.repeat(5e5)}}}`),
      200,
      /holds NUL/,
    ],
    ...(['utf-16', 'UTF-16LE', '"utf-32"'] as const).map(
      (charset) =>
        [
          `a body in ${charset}`,
          () => post(asJson({ query: QUERY }), { 'content-type': `application/json; charset=${charset}` }),
          415,
          /Send UTF-8/,
        ] as [string, () => Promise<Answer>, number, RegExp],
    ),
    [
      'a content type that is not read',
      () => post(QUERY, { 'content-type': 'text/plain' }),
      415,
      /"text\/plain" is not read.*application\/json/,
    ],
    [
      'a content type of the insides of JavaScript',
      () => post(QUERY, { 'content-type': 'constructor' }),
      415,
      /is not read/,
    ],
    [
      'an encoding that is not read',
      () => post('', { 'content-encoding': 'zstd' }),
      415,
      /"zstd" is not read. Send gzip/,
    ],
    ['two encodings', () => post('', { 'content-encoding': 'gzip, br' }), 415, /is not read/],
    [
      'a body that is not compressed as it says',
      () => post(asJson({ query: QUERY }), gzip),
      400,
      /cannot be read: incorrect header/,
    ],
    [
      'a compressed body that is cut',
      () => post(gzipSync(asJson({ query: QUERY })).subarray(0, -9), gzip),
      400,
      /cannot be read: unexpected end/,
    ],
    [
      'a small body that becomes a large one',
      () => post(gzipSync(Buffer.alloc(MAX_BODY_BYTES + 1, ' ')), gzip),
      413,
      /more than \d+ bytes/,
    ],
  ])('%s', async (_what, send, status, message) => {
    const { body, ...answer } = await send()
    expect(body.errors?.[0].message).toMatch(message)
    expect(body.errors?.[0].extensions).toMatchObject({ code: expect.stringMatching(/BAD_USER_INPUT|PARSE/) })
    expect(answer.status).toBe(status)
    expect(logged).toBe('')
  })

  test('and the header says what would be read', async () => {
    const { headers } = await post('', { 'content-encoding': 'zstd' })
    expect(headers.get('accept-encoding')).toBe('gzip, deflate, br')
    expect((await post('', { 'content-type': 'text/csv' })).headers.get('accept-post')).toMatch(
      'application/json',
    )
  })

  test('a client that leaves in the middle of its body', async () => {
    for (const encoding of ['identity', 'gzip']) {
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
      const asked = once(server, 'request')
      socket.write(
        `POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Encoding: ${encoding}\r\nContent-Length: 99\r\n\r\n`,
      )
      const [, response] = await asked
      const closed = once(response, 'close')
      socket.destroy()
      await closed
    }
    expect(await get(`query=${QUERY}`)).toMatchObject({ status: 200 })
    expect(logged).toBe('')
  })
})

test('a document that is nested as deep as it is long is refused, and is no error of the server', async () => {
  const deep = [
    `{ node(id: ${'['.repeat(9000)}${']'.repeat(9000)}) { id } }`,
    `{ node(id: ${'['.repeat(9000)}`,
    `{ node(id: ${'{a:'.repeat(9000)}`,
    '{a'.repeat(9000),
    `query ($a: ${'['.repeat(9000)}`,
  ]
  for (const query of deep) {
    const { body } = await post(asJson({ query }))
    expect(body.errors?.[0].extensions).toEqual({ code: 'QUERY_TOO_COMPLEX' })
  }
  expect(logged).toBe('')
})

test('an answer comes as the media type that its client likes best, and never as one that it refuses', async () => {
  const typeFor = async (accept: string) =>
    (await post(asJson({ query: QUERY }), { accept })).headers.get('content-type')?.split(';')[0]
  const [json, response] = ['application/json', 'application/graphql-response+json']
  for (const [accept, type] of [
    [`${response};q=0, ${json}`, json],
    [`${json};q=0, */*`, response],
    [`${json};q=0.5, ${response};q=0.9`, response],
    [`${json}, ${response}`, json],
    [`${response}, ${json}`, response],
    [`text/event-stream, ${json}`, json],
    ['text/html, */*;q=0.1', json],
    ['application/*', json],
    ['*/*', json],
  ] as const)
    expect([accept, await typeFor(accept)]).toEqual([accept, type])
})

test('a client that sends only the hash of its query is told to send the query, in the words it waits for', async () => {
  const extensions = { persistedQuery: { version: 1, sha256Hash: 'ecf4edb4' } }
  const inUrl = `extensions=${encodeURIComponent(JSON.stringify(extensions))}`
  for (const asked of [
    post(asJson({ extensions })),
    post(asJson({ query: '', extensions })),
    get(inUrl),
    post(inUrl, FORM),
  ]) {
    const { status, headers, body } = await asked
    const error = {
      message: 'PersistedQueryNotSupported',
      extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' },
    }
    expect(body).toEqual({ errors: [error] })
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toMatch('no-cache')
  }
})
