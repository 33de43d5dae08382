import { request } from 'node:http'
import { connect as connectTcp, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { createClient } from 'graphql-ws'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import WebSocket from 'ws'
import { NotFoundError } from '../../src/errors.ts'
import { packageVersion } from '../../src/package-version.ts'
import type { RunEvent } from '../../src/runs/model/events.ts'
import type { Context } from '../../src/schema/builder/context.ts'
import type { HttpServer } from '../../src/server/http.ts'
import { errorLog, serveGraphQL } from '../support/graphql-server.ts'
import { EVENTS } from '../support/runs.ts'

/** The server's own HTTP and WebSocket parts, over runs that each test makes up. */
let server: HttpServer
let runs: Partial<Context['runs']>
let logged: string

beforeEach(async () => {
  logged = ''
  runs = {}
  server = await serveGraphQL(
    { runs },
    { logger: errorLog((line) => (logged += line)) },
    {
      downloads: async (_request, response) => void response.end('a download'),
      pages: (_request, response) => void response.end('the dashboard'),
    },
  )
})
afterEach(() => server.close())

const WELL = JSON.stringify({ status: 'ok', version: packageVersion })
const RUN = Buffer.from('TrainingRun:1').toString('base64')
const path = `/graphql?query=${encodeURIComponent(EVENTS)}&variables=${encodeURIComponent(JSON.stringify({ id: RUN }))}`

function event(seq: number): RunEvent {
  return {
    runId: '1',
    seq,
    at: new Date(),
    attempt: 1,
    kind: 'STATUS_CHANGED',
    status: 'RUNNING',
    failure: null,
    step: 0,
  }
}

/** What an operation over WebSocket answers until it ends: its results, and the errors that ended it. */
async function overWebSocket(query: string, variables?: Record<string, unknown>): Promise<object[]> {
  const client = createClient({
    url: `${server.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
  })
  const answers: object[] = []
  try {
    for await (const result of client.iterate({ query, variables })) answers.push(result)
  } catch (error) {
    answers.push({ errors: error as object[] })
  }
  await client.dispose()
  return answers
}

async function overSse(): Promise<string> {
  const response = await fetch(`${server.url}${path}`, { headers: { accept: 'text/event-stream' } })
  return response.text()
}

const WEBSOCKET = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
}

/** A connection by hand. */
async function connected(): Promise<Socket> {
  const socket = connectTcp(Number(new URL(server.url).port), '127.0.0.1')
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve))
  return socket
}

function head(line: string, headers: Readonly<Record<string, string>>): string {
  const fields = Object.entries({ host: '127.0.0.1', ...headers }).map(([name, value]) => `${name}: ${value}`)
  return [`${line} HTTP/1.1`, ...fields, '', ''].join('\r\n')
}

/** The opening of a WebSocket by hand, from a page that may not. */
async function refusedUpgrade(): Promise<Socket> {
  const socket = await connected()
  socket.write(head('GET /graphql', { ...WEBSOCKET, origin: 'https://evil.example' }))
  return socket
}

describe('a stream that breaks in its midst', () => {
  beforeEach(() => {
    runs.follow = async () =>
      (async function* () {
        yield event(1)
        throw new Error('cannot read /secret/path')
      })()
  })

  test('ends with a masked error over WebSocket, and the log has the real one', async () => {
    const answers = await overWebSocket(EVENTS, { id: RUN })
    expect(answers).toHaveLength(2)
    expect(JSON.stringify(answers)).not.toMatch(/secret/)
    expect(answers[1]).toMatchObject({ errors: [{ extensions: { code: 'INTERNAL_SERVER_ERROR' } }] })
    expect(logged).toMatch(/secret/)
  })

  test('ends with a masked error over server-sent events, and the log has the real one', async () => {
    const text = await overSse()
    expect(text).toMatch(/RUNNING/)
    expect(text).not.toMatch(/secret/)
    expect(text).toMatch(/"code":"INTERNAL_SERVER_ERROR"/)
    expect(logged).toMatch(/secret/)
  })
})

test('errors over WebSocket carry a code of the list and nothing but it, and the id of the operation where the server failed', async () => {
  runs.follow = async () => {
    throw new Error('cannot read /secret/path')
  }
  const codes: unknown[] = []
  for (const [query, variables] of [
    ['subscription {', undefined],
    ['subscription { nothing }', undefined],
    [EVENTS, {}],
    [EVENTS, { id: RUN, after: 'nonsense' }],
    [EVENTS, { id: 'nonsense' }],
    ['query A { __typename } query B { __typename }', undefined],
    ['fragment F on Query { __typename }', undefined],
    ['type A { b: Int }', undefined],
    ['', undefined],
    [EVENTS, { id: RUN }],
  ] as const) {
    const [answer] = await overWebSocket(query, variables)
    const [error] = (answer as { errors: { extensions?: object }[] }).errors
    codes.push(error.extensions)
  }
  expect(codes).toEqual([
    { code: 'GRAPHQL_PARSE_FAILED' },
    { code: 'GRAPHQL_VALIDATION_FAILED' },
    { code: 'BAD_USER_INPUT' },
    { code: 'BAD_USER_INPUT' },
    { code: 'BAD_USER_INPUT' },
    { code: 'BAD_USER_INPUT' },
    { code: 'BAD_USER_INPUT' },
    { code: 'BAD_USER_INPUT' },
    { code: 'BAD_USER_INPUT' },
    { code: 'INTERNAL_SERVER_ERROR', requestId: expect.any(String) },
  ])
})

test('a subscription that may have no field is refused, and costs its connection nothing', async () => {
  const told = /"message":"The field of a subscription cannot have @skip or @include/
  for (const query of [
    'subscription { trainingRunsChanged @skip(if: true) { __typename } }',
    'subscription ($no: Boolean = false) { trainingRunsChanged @include(if: $no) { __typename } }',
    'subscription { ... @include(if: false) { trainingRunsChanged { __typename } } }',
    `subscription { ...A } fragment A on Subscription { ...B ...A }
     fragment B on Subscription { trainingRunsChanged @skip(if: false) { __typename } }`,
  ]) {
    const [answer] = await overWebSocket(query)
    expect(JSON.stringify(answer)).toMatch(told)
    const body = JSON.stringify({ query })
    const headers = { 'content-type': 'application/json', accept: 'text/event-stream' }
    const streamed = await fetch(`${server.url}/graphql`, { method: 'POST', headers, body })
    expect(await streamed.text()).toMatch(told)
  }
})

test('a subscription over server-sent events holds up no large body behind its own', async () => {
  runs.follow = async () =>
    (async function* () {
      yield event(1)
      await new Promise(() => {})
    })()
  // Compressed, each counts as the largest one, of which there is room for one.
  const body = (query: string, variables = {}) =>
    gzipSync(JSON.stringify({ query, variables, extensions: { padding: ' '.repeat(100_000) } }))
  const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
  const leaving = new AbortController()
  const streamed = await fetch(`${server.url}/graphql`, {
    ...{ method: 'POST', signal: leaving.signal, body: body(EVENTS, { id: RUN }) },
    headers: { ...headers, accept: 'text/event-stream' },
  })
  expect(streamed.headers.get('content-type')).toContain('text/event-stream')
  const asked = { method: 'POST', headers, body: body('{ __typename }') }
  const answer = await fetch(`${server.url}/graphql`, asked)
  expect(await answer.json()).toEqual({ data: { __typename: 'Query' } })
  leaving.abort()
})

test('a subscription that costs too much is refused when it is opened, before anything happened', async () => {
  let opened = 0
  runs.followRuns = () => {
    opened += 1
    return (async function* () {})()
  }
  const nested =
    'runs(first: 100) { edges { node { architecture { runs(first: 100) { edges { node { id } } } } } } }'
  const answers = await overWebSocket(
    `subscription { trainingRunsChanged { ... on TrainingRun { architecture { ${nested} } } } }`,
  )
  expect(answers).toMatchObject([{ errors: [{ extensions: { code: 'QUERY_TOO_COMPLEX' } }] }])
  expect(opened).toBe(0)
})

test('a WebSocket may have 100 operations open, and the next one is refused with a code', async () => {
  let open = 0
  runs.follow = async () => {
    open += 1
    return neverEnding(() => (open -= 1))
  }
  const client = createClient({
    url: `${server.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
  })
  const streams = Array.from({ length: 100 }, () => client.iterate({ query: EVENTS, variables: { id: RUN } }))
  const pending = streams.map((stream) => stream.next())
  await expect(client.iterate({ query: EVENTS, variables: { id: RUN } }).next()).rejects.toMatchObject([
    { extensions: { code: 'TOO_MANY_OPERATIONS' } },
  ])
  expect(open).toBe(100)
  await Promise.all(streams.map((stream) => stream.return?.()))
  await Promise.all(pending)
  await client.dispose()
})

describe('a client that leaves while its subscription is being opened', () => {
  let finish: () => void
  let returned: Promise<void>

  beforeEach(() => {
    returned = new Promise((left) => {
      runs.follow = async () => {
        await new Promise<void>((resolve) => {
          finish = resolve
          asked()
        })
        return neverEnding(left)
      }
    })
  })
  let asked: () => void
  const opening = () =>
    new Promise<void>((resolve) => {
      asked = resolve
    })

  test('over server-sent events leaves no stream behind', async () => {
    const begun = opening()
    const sse = request(`${server.url}${path}`, { headers: { accept: 'text/event-stream' } })
    sse.on('error', () => {}).end()
    await begun
    sse.destroy()
    finish()
    await returned
  })

  test('over WebSocket leaves no stream behind', async () => {
    const begun = opening()
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
    await new Promise((resolve) => socket.once('open', resolve))
    socket.send(JSON.stringify({ type: 'connection_init' }))
    const payload = { query: EVENTS, variables: { id: RUN } }
    socket.once('message', () => socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload })))
    await begun
    socket.terminate()
    finish()
    await returned
  })
})

describe('a refused WebSocket', () => {
  test('whose other end is reset does not end the server', async () => {
    for (let i = 0; i < 50; i++) (await refusedUpgrade()).resetAndDestroy()
    expect((await fetch(`${server.url}/health/ready`)).status).toBe(200)
  })

  test('is closed by the server, whether the other end does so or not', async () => {
    const stubborn = await refusedUpgrade()
    stubborn.allowHalfOpen = true
    await new Promise((resolve) => stubborn.resume().once('end', resolve))
    await server.close()
    stubborn.destroy()
  })
})

describe('a request that offers a protocol the server does not speak is answered as if it did not', () => {
  const OFFER = {
    connection: 'Upgrade, HTTP2-Settings',
    upgrade: 'h2c',
    'http2-settings': 'AAMAAABkAAQAoAAAAAIAAAAA',
  }
  const QUERY = JSON.stringify({ query: '{ __typename }' })
  const JSON_BODY = { 'content-type': 'application/json' }
  const TYPENAME = '{"data":{"__typename":"Query"}}'

  /** Both requests go over one connection. */
  async function answers(
    path: string,
    { body, ...options }: { method?: string; headers: Record<string, string>; body?: string[] },
  ): Promise<[number | undefined, string]> {
    const asked = request(`${server.url}${path}`, { agent: false, ...options })
    for (const piece of body ?? []) await new Promise((written) => asked.write(piece, written))
    asked.end()
    return new Promise((resolve, reject) => {
      asked.once('error', reject).once('upgrade', () => reject(new Error('upgraded')))
      asked.once('response', async (response) => {
        let text = ''
        for await (const chunk of response) text += chunk
        resolve([response.statusCode, text])
      })
    })
  }

  test.each(['h2c', 'TLS/1.0', 'foo/2', 'HTTP/2.0, SHTTP/1.3, IRC/6.9, RTA/x11', 'websocketry'])(
    '%s',
    async (upgrade) => {
      const headers = { ...OFFER, upgrade }
      expect(await answers('/graphql?query={__typename}', { headers })).toEqual([200, TYPENAME])
      const post = { method: 'POST', headers: { ...headers, ...JSON_BODY } }
      expect(await answers('/graphql', { ...post, body: [QUERY] })).toEqual([200, TYPENAME])
    },
  )

  test('on every path and by every method', async () => {
    expect(await answers('/health/ready', { headers: OFFER })).toEqual([200, WELL])
    expect(await answers('/downloads/x/model.safetensors', { headers: OFFER })).toEqual([200, 'a download'])
    expect(await answers('/nowhere', { headers: OFFER })).toMatchObject([404, /nothing here/])
    expect(await answers('/', { headers: OFFER })).toEqual([200, 'the dashboard'])
    expect(await answers('/health/ready', { method: 'HEAD', headers: OFFER })).toEqual([200, ''])
    expect((await answers('/graphql', { method: 'PUT', headers: OFFER }))[0]).toBe(405)
  })

  test('with a body that comes in pieces, one that waits to be asked for, and one of megabytes', async () => {
    const headers = { ...OFFER, ...JSON_BODY }
    const post = { method: 'POST', headers }
    expect(await answers('/graphql', { ...post, body: [QUERY.slice(0, 9), QUERY.slice(9)] })).toEqual([
      200,
      TYPENAME,
    ])
    const waiting = { ...headers, expect: '100-continue', 'content-length': String(QUERY.length) }
    expect(await answers('/graphql', { ...post, headers: waiting, body: [QUERY] })).toEqual([200, TYPENAME])
    const variables = { padding: 'x'.repeat(8 * 2 ** 20) }
    const large = JSON.stringify({ query: '{ __typename }', variables })
    expect(await answers('/graphql', { ...post, body: [large] })).toEqual([200, TYPENAME])
  })

  test('a WebSocket where there is none, or by a method that opens none', async () => {
    expect(await answers('/health/ready', { headers: WEBSOCKET })).toEqual([200, WELL])
    expect((await answers('/nowhere', { headers: WEBSOCKET }))[0]).toBe(404)
    const post = { method: 'POST', headers: { ...WEBSOCKET, ...JSON_BODY } }
    expect(await answers('/graphql', { ...post, body: [QUERY] })).toEqual([200, TYPENAME])
  })

  test('and its connection goes on', async () => {
    const socket = await connected()
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
    })
    const until = (count: number) =>
      vi.waitUntil(() => text.split(TYPENAME).length > count, { timeout: 30_000 })
    const length = { 'content-length': String(QUERY.length) }
    socket.write(head('POST /graphql', { ...OFFER, ...JSON_BODY, ...length }) + QUERY)
    await until(1)
    socket.write(head('GET /graphql?query={__typename}', OFFER))
    await until(2)
    socket.write(head('POST /graphql', { ...JSON_BODY, ...length }) + QUERY)
    await until(3)
    socket.destroy()
  })
})

describe('a WebSocket', () => {
  async function opened(headers: Record<string, string>): Promise<string> {
    const socket = await connected()
    socket.write(head('GET /graphql', { ...WEBSOCKET, ...headers }))
    let text = ''
    for await (const chunk of socket.setEncoding('utf8')) {
      text += chunk
      if (text.startsWith('HTTP/1.1 101')) break
    }
    return text
  }

  test('may be one of several protocols that are offered, in any case', async () => {
    expect(await opened({ upgrade: 'h2c, WebSocket' })).toMatch(/^HTTP\/1.1 101 /)
  })

  test('of a version that is not spoken is told which ones are', async () => {
    for (const version of ['12', '', 'x']) {
      expect(await opened({ 'sec-websocket-version': version })).toMatch(
        /^HTTP\/1.1 426 .*Upgrade: websocket\r\n.*Sec-WebSocket-Version: 13, 8\r\n/s,
      )
    }
  })

  test('without a key is a bad request', async () => {
    expect(await opened({ 'sec-websocket-key': '' })).toMatch(/^HTTP\/1.1 400 /)
  })

  test.each([
    ['without a subprotocol', [], '', 4406],
    ['with a message that is none', ['graphql-transport-ws'], '{', 4400],
    ...['connection_ack', 'next', 'error'].map(
      (type) =>
        [
          `with a message that only servers send (${type})`,
          ['graphql-transport-ws'],
          JSON.stringify({ payload: {}, id: '1', type }),
          4400,
        ] as [string, string[], string, number],
    ),
    ['with a message of 300 KiB', ['graphql-transport-ws'], 'x'.repeat(300 * 1024), 1009],
  ])('%s is closed with a code, and nothing of it is logged', async (_what, subprotocols, message, code) => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {})
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, subprotocols)
    socket.once('open', () => socket.send(message)).on('error', () => {})
    expect(await new Promise((resolve) => socket.once('close', resolve))).toBe(code)
    expect(printed).not.toHaveBeenCalled()
    printed.mockRestore()
    expect(logged).toBe('')
  })
})

describe('what the client would not accept the answer of', () => {
  const post = (query: string, accept: string) =>
    fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept },
      body: JSON.stringify({ query }),
    })

  test.each([
    'multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json',
    'multipart/mixed;subscriptionSpec=1.0',
    'application/json',
    'application/graphql-response+json, application/json;q=0.9',
    'application/json, text/event-stream;q=0',
    'text/event-stream;charset=utf-16, application/json',
  ])('a subscription is not opened: %s', async (accept) => {
    let opened = 0
    runs.followRuns = () => {
      opened += 1
      return neverEnding(() => {})
    }
    const query = 'subscription { trainingRunsChanged { id } }'
    const get = `${server.url}/graphql?query=${encodeURIComponent(query)}`
    for (const response of [await post(query, accept), await fetch(get, { headers: { accept } })]) {
      expect(response.status).toBe(406)
      const { errors } = (await response.json()) as { errors: { message: string; extensions: object }[] }
      expect(errors[0].message).toMatch(/text\/event-stream/)
      expect(errors[0].extensions).toEqual({ code: 'BAD_USER_INPUT' })
    }
    expect(opened).toBe(0)
    expect(logged).toBe('')
  })

  test('a mutation is not executed', async () => {
    let executed = 0
    runs.delete = async () => {
      executed += 1
      throw new NotFoundError('There is no such run.')
    }
    const query = `mutation { deleteTrainingRun(id: "${RUN}") { __typename } }`
    for (const accept of [
      'text/html',
      'image/*',
      'application/json;charset=utf-16',
      'application/json;q=0',
    ]) {
      const response = await post(query, accept)
      expect(response.status).toBe(406)
      expect(await response.text()).toMatch(/application\/json or text\/event-stream/)
    }
    expect(executed).toBe(0)
    expect((await post(query, 'text/html, application/*;q=0.1')).status).toBe(200)
    expect(executed).toBe(1)
  })
})

describe('text that PostgreSQL cannot keep is refused wherever it stands, before anything is executed', () => {
  const HALF = '\ud83d'
  const START = 'mutation ($input: StartTrainingRunInput!) { startTrainingRun(input: $input) { __typename } }'

  test.each([
    [
      'in a variable',
      'query ($name: String) { trainingRuns(architecture: $name) { totalCount } }',
      { name: 'a\0' },
      '$name',
    ],
    ['in a nested input', START, { input: { architecture: 'a', name: `b${HALF}` } }, '$input.name'],
    ['in a list', 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: [RUN, '\0'] }, '$ids.1'],
    [
      'in a literal',
      '{ trainingRuns(architecture: "a\\u0000") { totalCount } }',
      {},
      'trainingRuns: architecture',
    ],
    [
      'in a literal of a nested input',
      'mutation { deleteModelAlias(input: { model: "\\u0000", name: "b" }) { __typename } }',
      {},
      'deleteModelAlias: input.model',
    ],
    ['in a block', '{ node(id: """a\0""") { id } }', {}, 'node: id'],
    [
      'in a default',
      'query ($name: String = "\\u0000") { trainingRuns(architecture: $name) { totalCount } }',
      {},
      '$name',
    ],
    ['in a cursor', '{ trainingRuns(after: "\\u0000") { totalCount } }', {}, 'trainingRuns: after'],
    ['in a subscription', EVENTS, { id: '\0' }, '$id'],
  ])('%s', async (_what, query, variables, place) => {
    const refusal = {
      message: expect.stringContaining(`${place} holds NUL (U+0000) or half of a surrogate pair`),
      extensions: { code: 'BAD_USER_INPUT' },
    }
    expect(await overWebSocket(query, variables)).toMatchObject([{ errors: [refusal] }])
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    })
    const text = await response.text()
    const result = text.startsWith(':') ? /^data: (\{.*)$/m.exec(text)![1] : text
    expect(JSON.parse(result)).toMatchObject({ errors: [refusal] })
    expect(logged).toBe('')
  })

  test('but a whole pair is text like any other', async () => {
    const query = 'query ($name: String!) { __type(name: $name) { name } }'
    expect(await overWebSocket(query, { name: '😀' })).toEqual([{ data: { __type: null } }])
  })
})

describe('closing', () => {
  test('does not wait for a WebSocket whose client has stopped reading', async () => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
    await new Promise((resolve) => socket.once('open', resolve))
    socket.pause()
    await server.close()
    socket.terminate()
  })

  test('lets what is being answered be answered', async () => {
    let answer: () => void = () => {}
    const asked = new Promise<void>((begun) => {
      runs.count = () =>
        new Promise((resolve) => {
          answer = () => resolve(7)
          begun()
        })
    })
    const query = encodeURIComponent('{ trainingRuns { totalCount } }')
    const response = fetch(`${server.url}/graphql?query=${query}`)
    await asked
    const closed = server.close()
    answer()
    expect(await (await response).json()).toEqual({ data: { trainingRuns: { totalCount: 7 } } })
    await closed
  })
})

/** A stream without an event; `onReturn` is called when its reader has left. */
function neverEnding(onReturn: () => void): AsyncIterableIterator<never> {
  let end: () => void = () => {}
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    next: () =>
      new Promise((resolve) => {
        end = () => resolve({ done: true, value: undefined })
      }),
    async return() {
      onReturn()
      end()
      return { done: true, value: undefined }
    },
  }
}
