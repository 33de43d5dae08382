import { request } from 'node:http'
import { connect as connectTcp, type Socket } from 'node:net'
import { createClient } from 'graphql-ws'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import type { RunEvent } from '../../src/runs/events.ts'
import type { Context } from '../../src/schema/context.ts'
import { createGraphQLHandler } from '../../src/server/graphql.ts'
import { type HttpServer, listen } from '../../src/server/http.ts'
import { createOriginPolicy } from '../../src/server/origin.ts'
import { EVENTS } from '../support/runs.ts'

/** The server's own HTTP and WebSocket parts, over runs that each test makes up. */
let server: HttpServer
let runs: Partial<Context['runs']>
let logged: string

beforeEach(async () => {
  logged = ''
  runs = {}
  const write = (line: string) => {
    logged += line
  }
  const logger = pino({ level: 'error' }, { write })
  const handler = createGraphQLHandler({
    context: {
      get runs() {
        return runs
      },
    } as unknown as Context,
    allowedOrigins: [],
    logger,
  })
  server = await listen({
    host: '127.0.0.1',
    port: 0,
    handler,
    uploadHandler: handler,
    downloads: async () => {},
    policy: createOriginPolicy({ host: '127.0.0.1', allowedOrigins: [] }),
    health: async () => ({}),
  })
})
afterEach(() => server.close())

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

/** The opening of a WebSocket by hand, from a page that may not. */
async function refusedUpgrade(): Promise<Socket> {
  const socket = connectTcp(Number(new URL(server.url).port), '127.0.0.1')
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.write(
    [
      'GET /graphql HTTP/1.1',
      'Host: 127.0.0.1',
      'Origin: https://evil.example',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
      '\r\n',
    ].join('\r\n'),
  )
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

test('errors over WebSocket carry a code of the list and nothing but it', async () => {
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
    { code: 'INTERNAL_SERVER_ERROR' },
  ])
})

test('a subscription that costs too much is refused when it is opened, before anything happened', async () => {
  let opened = 0
  runs.followChanges = () => {
    opened += 1
    return (async function* () {})()
  }
  const nested =
    'runs(first: 100) { edges { node { architecture { runs(first: 100) { edges { node { id } } } } } } }'
  const answers = await overWebSocket(`subscription { trainingRunsChanged { architecture { ${nested} } } }`)
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
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
  })

  test('is closed by the server, whether the other end does so or not', async () => {
    const stubborn = await refusedUpgrade()
    stubborn.allowHalfOpen = true
    await new Promise((resolve) => stubborn.resume().once('end', resolve))
    await server.close()
    stubborn.destroy()
  })
})

describe('closing', () => {
  test('does not wait for a WebSocket whose client has stopped reading', async () => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
    await new Promise((resolve) => socket.once('open', resolve))
    socket.pause()
    const started = performance.now()
    await server.close()
    expect(performance.now() - started).toBeLessThan(5000)
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
