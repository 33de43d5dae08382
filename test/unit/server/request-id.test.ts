import { createClient } from 'graphql-ws'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import type { Context } from '../../../src/schema/builder/context.ts'
import { createProxyCheck } from '../../../src/server/client-address.ts'
import type { HttpServer } from '../../../src/server/http.ts'
import { errorLog, serveGraphQL } from '../../support/graphql-server.ts'
import { EVENTS } from '../../support/runs.ts'

let server: HttpServer
let runs: Partial<Context['runs']>
let logged: { level: number; requestId?: string; err?: { message: string } }[]

async function open(trustedProxies: string[]) {
  runs = {}
  logged = []
  const options = { logger: errorLog((line) => void logged.push(JSON.parse(line))) }
  server = await serveGraphQL({ runs }, options, { isFromProxy: createProxyCheck(trustedProxies) })
}
beforeEach(() => open([]))
afterEach(() => server.close())

const RUN = Buffer.from('TrainingRun:1').toString('base64')
const FIND = `{ trainingRun(id: "${RUN}") { number } }`

const ask = (query: string, headers: Record<string, string> = {}) =>
  fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables: { id: RUN } }),
  })
const idOf = async (headers: Record<string, string>, path = '/') =>
  (await fetch(`${server.url}${path}`, { headers })).headers.get('x-request-id')

describe('the id of a request', () => {
  test('is in every answer, short, and another one each time', async () => {
    const ids = await Promise.all(
      ['/', '/health', '/nowhere', '/graphql?query={__typename}', '/downloads/x', '/'].map((path) =>
        idOf({}, path),
      ),
    )
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{10}-[0-9a-z]+$/)
    expect(new Set(ids).size).toBe(ids.length)
    expect(await idOf({ host: 'evil.example' })).not.toBeNull()
  })

  test('is what a trusted proxy says, and nobody else', async () => {
    expect(await idOf({ 'x-request-id': 'given-1' })).not.toBe('given-1')
    await server.close()
    await open(['loopback'])
    expect(await idOf({ 'x-request-id': 'given-1' })).toBe('given-1')
    for (const bad of ['', 'a b', 'x'.repeat(129), 'a"b', 'a, b'])
      expect(await idOf({ 'x-request-id': bad })).toMatch(/^[0-9a-f]{10}-/)
  })

  test('is in an error that says no more, and in the line of the log that does', async () => {
    runs.find = () => Promise.reject(new Error('a bug'))
    const response = await ask(FIND)
    const requestId = response.headers.get('x-request-id')
    expect((await response.json()).errors).toMatchObject([
      { extensions: { code: 'INTERNAL_SERVER_ERROR', requestId } },
    ])
    expect(logged).toMatchObject([{ requestId, err: { message: 'a bug' } }])
  })

  test('is in the errors of subscriptions that do not begin, that break, and of their events', async () => {
    const bug = () => Promise.reject(new Error('a bug'))
    const failures: Partial<Context['runs']>['follow'][] = [
      bug,
      async () =>
        (async function* () {
          yield* []
          throw new Error('a bug')
        })(),
      async () =>
        (async function* () {
          yield {
            kind: 'STATUS_CHANGED',
            get seq(): never {
              throw new Error('a bug')
            },
          } as never
        })(),
    ]
    for (const follow of failures) {
      logged = []
      runs.follow = follow
      const response = await ask(EVENTS, { accept: 'text/event-stream' })
      const requestId = response.headers.get('x-request-id')
      const text = await response.text()
      expect(text).toContain(`"code":"INTERNAL_SERVER_ERROR"`)
      expect(text).toContain(`"requestId":"${requestId}"`)
      expect(logged.length).toBeGreaterThan(0)
      for (const line of logged) expect(line).toMatchObject({ requestId })
    }
  })

  test('is that of the upgrade over WebSocket, and the id of the operation', async () => {
    runs.find = () => Promise.reject(new Error('a bug'))
    let upgraded: string | undefined
    class Watched extends WebSocket {
      constructor(url: string, protocol: string) {
        super(url, protocol)
        this.once('upgrade', ({ headers }) => {
          upgraded = headers['x-request-id'] as string
        })
      }
    }
    const client = createClient({
      url: `${server.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: Watched,
      generateID: () => 'x'.repeat(100),
    })
    const told = await new Promise<unknown>((resolve, reject) =>
      client.subscribe({ query: FIND }, { next: resolve, error: reject, complete() {} }),
    )
    const requestId = `${upgraded}/${'x'.repeat(64)}`
    expect(told).toMatchObject({ errors: [{ extensions: { code: 'INTERNAL_SERVER_ERROR', requestId } }] })
    expect(logged).toMatchObject([{ requestId, err: { message: 'a bug' } }])
    await client.dispose()
  })

  test('is in the refusal of a WebSocket', async () => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, {
      headers: { origin: 'http://evil.example' },
    })
    const refused = await new Promise<string | undefined>((resolve) =>
      socket.once('unexpected-response', (request, response) => {
        resolve(response.headers['x-request-id'] as string | undefined)
        request.destroy()
      }),
    )
    expect(refused).toMatch(/^[0-9a-f]{10}-/)
  })
})
