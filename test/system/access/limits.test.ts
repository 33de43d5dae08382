import { once } from 'node:events'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { createClient } from '../../../src/client/node.ts'
import { type GuardedServer, startGuarded } from '../../support/guarded.ts'
import { TINY } from '../../support/runs.ts'
import {
  type GraphQLResult,
  type LogLine,
  sharedServer,
  startServer,
  stopServers,
  type TestServer,
} from '../../support/server.ts'

/** It costs more than `operations` below: the next operation of whoever asks it is one too many. */
const NAMES = Array.from({ length: 20 }, (_, index) => `name${index}: name`).join(' ')
const DEAR = `{ architectures(first: 100) { edges { node { ${NAMES} } } } }`
const CHEAP = '{ __typename }'
const TICKS = 'subscription { systemStats(everyMs: 250) { at } }'
const PICTURE = '{ base64: "R0lGODlhAQABAAAAACwAAAAAAQABAAA=" }'
const NOWHERE = 'model: { alias: { model: "none", name: "none" } }'

const TOO_MANY = {
  extensions: { code: 'TOO_MANY_REQUESTS', retryAfterMs: expect.any(Number) },
  message: expect.stringMatching(/^The limit is .* try again/i),
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

function post(server: TestServer, query: string, headers: Record<string, string>): Promise<Response> {
  return fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query }),
  })
}

/** Expects 429 with when to try again, in the answer and before it, and answers the milliseconds. */
async function refused(response: Response): Promise<number> {
  expect(response.status).toBe(429)
  const [body] = /\{"errors".*\}/.exec(await response.text())!
  const { errors } = JSON.parse(body) as GraphQLResult
  expect(errors).toMatchObject([TOO_MANY])
  const { retryAfterMs } = errors![0]!.extensions as { retryAfterMs: number }
  expect(response.headers.get('retry-after')).toBe(String(Math.ceil(retryAfterMs / 1000)))
  return retryAfterMs
}

function stream(server: TestServer, token: string) {
  const leaving = new AbortController()
  const response = fetch(`${server.url}/graphql?query=${encodeURIComponent(TICKS)}`, {
    headers: { accept: 'text/event-stream', ...bearer(token) },
    signal: leaving.signal,
  })
  return { response, leave: () => leaving.abort() }
}

function socket(server: TestServer, headers: Record<string, string> = {}) {
  const client = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
    headers,
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    client.once('close', (code, reason) => resolve({ code, reason: String(reason) })),
  )
  const status = new Promise<number>((resolve) => {
    client.once('upgrade', () => resolve(101))
    client.once('unexpected-response', (_request, { statusCode, headers }) => {
      expect(headers['x-request-id']).toEqual(expect.any(String))
      resolve(statusCode!)
    })
  })
  return { client, closed, status }
}

async function connected(server: TestServer, token: string) {
  const { client, closed } = socket(server, bearer(token))
  await once(client, 'open')
  client.send('{"type":"connection_init"}')
  return {
    client,
    closed,
    answer: Promise.race([once(client, 'message').then(([data]) => JSON.parse(String(data))), closed]),
  }
}

const reached = (limit: string) => (line: LogLine) =>
  line.msg === 'a limit was reached' && line.limit === limit

let server: GuardedServer
beforeAll(async () => {
  const limits =
    'operations=2000/2s,predictions=4/1h,uploads=2KiB/1h,attempts=5/1h,sockets=2,subscriptions=2,queued=1'
  server = await startGuarded({ LIMITS: limits })
})
afterAll(stopServers)

describe('a server with limits', () => {
  test('refuses whoever asks too much, however they ask, and answers others meanwhile', async () => {
    const [greedy, other] = await Promise.all([
      server.token('greedy', 'VIEWER'),
      server.token('other', 'VIEWER'),
    ])
    const ws = server.as(greedy).connect({ lazy: false })
    await new Promise((resolve) => ws.on('connected', resolve))
    expect((await post(server, DEAR, bearer(greedy))).status).toBe(200)

    expect(await refused(await post(server, CHEAP, bearer(greedy)))).toBeLessThanOrEqual(2001)
    await refused(await stream(server, greedy).response)
    const overSocket = await new Promise((resolve) =>
      ws.subscribe({ query: CHEAP }, { next: () => resolve('an answer'), error: resolve, complete() {} }),
    )
    expect(overSocket).toMatchObject([TOO_MANY])
    const metrics = await (await fetch(`${server.url}/metrics`, { headers: bearer(other) })).text()
    expect(metrics).toMatch(/^vggzoo_operations_total\{[^}]*outcome="refused"[^}]*\} 3$/m)
    expect((await server.ask(other, CHEAP)).data).toEqual({ __typename: 'Query' })
    await ws.dispose()
  })

  test('answers a client that waits for as long as it was told', async () => {
    const token = await server.token('patient', 'VIEWER')
    let sent = 0
    const client = createClient({
      url: server.url,
      token,
      fetch: (...request) => {
        sent++
        return fetch(...request)
      },
    })
    await client.query(DEAR)
    await expect(client.query(CHEAP)).rejects.toMatchObject({ code: 'TOO_MANY_REQUESTS' })
    const ticks = client.subscribe<{ systemStats: object }, object>(TICKS)
    expect(await client.query(CHEAP, {}, { retry: true })).toEqual({ __typename: 'Query' })
    expect(sent).toBe(4)
    expect((await ticks.next()).value).toMatchObject({ systemStats: {} })
    client.dispose()
  })

  test('counts each picture, and a whole batch that goes beyond is the last one', async () => {
    const token = await server.token('sender', 'OPERATOR')
    const one = `{ predict(input: { image: ${PICTURE}, ${NOWHERE} }) { __typename } }`
    const many = `{ predictMany(input: { images: [${[PICTURE, PICTURE, PICTURE]}], ${NOWHERE} }) { __typename } }`
    const ask = (query: string) => post(server, query, bearer(token))
    for (const query of [`mutation ${one}`, many]) {
      const response = await ask(query)
      expect([response.status, (await response.json()).errors]).toEqual([200, undefined])
    }
    for (const query of [one, many]) await refused(await ask(query))
    expect((await ask(CHEAP)).status).toBe(200)
  })

  test('counts the bytes of uploads, whether their length is told or not', async () => {
    const token = await server.token('uploader', 'OPERATOR')
    const query = `query ($file: File!) { predict(input: { image: { upload: $file }, ${NOWHERE} }) { __typename } }`
    const form = new FormData()
    form.set('operations', JSON.stringify({ query, variables: { file: null } }))
    form.set('map', '{"0":["variables.file"]}')
    form.set('0', new Blob([new Uint8Array(3000)]), 'file')
    const { headers, body } = new Response(form)
    const bytes = Buffer.from(await new Response(body).arrayBuffer())
    const upload = (isStream: boolean) =>
      fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers: {
          ...bearer(token),
          'content-type': headers.get('content-type')!,
          'x-graphql-yoga-csrf': '1',
        },
        body: isStream ? Readable.toWeb(Readable.from([bytes])) : bytes,
        duplex: 'half',
      } as unknown as RequestInit)
    expect((await upload(true)).status).toBe(200)
    await refused(await upload(true))
    await refused(await upload(false))
  })

  test('lets so many runs of an owner wait, whoever else has some', async () => {
    const start = `mutation ($input: StartTrainingRunInput!) {
      startTrainingRun(input: $input) { __typename ... on TrainingRun { id status } ... on Error { message } } }`
    const input = { ...TINY, dataset: server.dataset, epochs: 1000 }
    const tokens = await Promise.all(
      ['first', 'second', 'third'].map((name) => server.token(name, 'OPERATOR')),
    )
    const begin = (token: string, more = {}) => server.ask(token, start, { input: { ...input, ...more } })
    // The one that is at work, for as long as the others wait.
    await begin(tokens[0]!)
    const { data } = await begin(tokens[1]!, { idempotencyKey: 'mine' })
    expect(data.startTrainingRun).toMatchObject({ __typename: 'TrainingRun', status: 'QUEUED' })
    expect((await begin(tokens[1]!)).errors).toMatchObject([
      {
        message: '1 runs of second are queued already, which is the limit. Cancel one or try again later.',
        extensions: { code: 'TOO_MANY_REQUESTS', retryAfterMs: 60_000 },
      },
    ])
    expect((await begin(tokens[1]!, { idempotencyKey: 'mine' })).data).toEqual(data)
    expect((await begin(tokens[2]!)).data.startTrainingRun.__typename).toBe('TrainingRun')
    expect((await server.logged(reached('queued'))).who).toBe('owner second')
  })

  test('lets so many subscriptions be open, and the next one begin when one has ended', async () => {
    const token = await server.token('watcher', 'VIEWER')
    const streams = [stream(server, token), stream(server, token)]
    for (const { response } of streams) expect((await response).status).toBe(200)
    expect(await refused(await stream(server, token).response)).toBe(1000)
    expect((await server.logged(reached('subscriptions'))).who).toBe('owner watcher')
    const client = createClient({ url: server.url, token })
    const next = client.subscribe<{ systemStats: object }, object>(TICKS).next()
    streams[0]!.leave()
    expect((await next).value).toMatchObject({ systemStats: {} })
    await refused(await stream(server, token).response)
    client.dispose()
    streams[1]!.leave()
  })

  test('lets so many sockets of an owner be open, and of an address before they say whose they are', async () => {
    const token = await server.token('connected', 'VIEWER')
    const first = await connected(server, token)
    expect(await first.answer).toMatchObject({ type: 'connection_ack' })
    const second = await connected(server, token)
    expect(await second.answer).toMatchObject({ type: 'connection_ack' })
    const third = await connected(server, token)
    expect(await third.answer).toEqual({
      code: 1013,
      reason: expect.stringMatching(/^The limit is 2 WebSockets/),
    })
    expect((await server.logged(reached('sockets'))).who).toBe('owner connected')
    first.client.close()
    await first.closed
    expect(await (await connected(server, token)).answer).toMatchObject({ type: 'connection_ack' })

    const silent = [socket(server), socket(server)]
    for (const { status } of silent) expect(await status).toBe(101)
    expect(await socket(server).status).toBe(429)
    for (const { client } of silent) client.terminate()
    second.client.terminate()
  })

  test('slows down whoever guesses tokens, and keeps out nobody who was known from there', async () => {
    const known = await server.token('regular', 'VIEWER')
    expect((await server.ask(known, CHEAP)).errors).toBeUndefined()
    const never = await server.token('newcomer', 'VIEWER')
    const guess = (which: number) => `vgz_${String(which).padStart(12, '0')}_${'x'.repeat(43)}`
    const login = (token: string) =>
      fetch(`${server.url}/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-forwarded-for': `192.0.2.${token.length}` },
        body: JSON.stringify({ token }),
      })
    for (let which = 0; which < 3; which++) expect((await login(guess(which))).status).toBe(401)
    for (let which = 3; which < 5; which++) {
      const forwarded = { 'x-forwarded-for': `203.0.113.${which}` }
      expect((await post(server, CHEAP, { ...bearer(guess(which)), ...forwarded })).status).toBe(401)
    }

    const refusals = [
      await login(guess(5)),
      await login(never),
      await fetch(`${server.url}/metrics`, { headers: bearer(never) }),
    ]
    for (const response of refusals) {
      expect(response.status).toBe(429)
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(3000)
      expect(await response.text()).toContain('The limit is 5 wrong tokens from an address in 3600 s.')
    }
    for (const token of [guess(6), never]) {
      await refused(await post(server, CHEAP, { ...bearer(token), 'x-forwarded-for': '203.0.113.99' }))
      expect(await (await connected(server, token)).answer).toMatchObject({ code: 1013 })
    }
    expect(
      (await fetch(`${server.url}/downloads/x/model.safetensors`, { headers: bearer(never) })).status,
    ).toBe(429)

    expect((await post(server, CHEAP, {})).status).toBe(401)
    expect((await post(server, CHEAP, bearer(known))).status).toBe(200)
    expect((await login(known)).status).toBe(200)
    expect((await server.logged(reached('attempts'))).who).toBe('127.0.0.1')
  })
})

describe('without authentication', () => {
  test('each address behind a trusted proxy is counted by itself', async () => {
    const open = await startServer({
      env: { LIMITS: 'operations=2000/1h,sockets=1', TRUST_PROXY: 'loopback' },
    })
    const from = (address: string, query: string) => post(open, query, { 'x-forwarded-for': address })
    expect((await from('203.0.113.1', DEAR)).status).toBe(200)
    await refused(await from('203.0.113.1', CHEAP))
    await refused(await from('198.51.100.9, 203.0.113.1', CHEAP))
    expect((await from('203.0.113.2', CHEAP)).status).toBe(200)
    expect((await from('203.0.113.1, 203.0.113.2', CHEAP)).status).toBe(200)
    expect((await from('2001:db8::1', DEAR)).status).toBe(200)
    await refused(await from('2001:db8::2', CHEAP))

    const [first, second] = [socket(open, { 'x-forwarded-for': '203.0.113.1' }), socket(open)]
    expect([await first.status, await second.status]).toEqual([101, 101])
    expect(await socket(open, { 'x-forwarded-for': '203.0.113.1' }).status).toBe(429)
    for (const { client } of [first, second]) client.terminate()
  })

  test('nobody is counted at home', async () => {
    const home = await sharedServer()
    const sockets = Array.from({ length: 150 }, () => socket(home))
    for (const { status } of sockets) expect(await status).toBe(101)
    for (const { client } of sockets) client.terminate()
  })
})
