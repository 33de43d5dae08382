import { Readable } from 'node:stream'
import { type Client, createClient } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { mayAs, type Role } from '../../src/access/viewer.ts'
import { type Handlers, routeTable } from '../../src/server/routes.ts'
import { type GuardedServer, guardedServer } from '../support/guarded.ts'
import { OPERATIONS, type Operation } from '../support/operations.ts'

/** Null: without a token. */
const WHO = [null, 'VIEWER', 'OPERATOR', 'ADMIN'] as const
type Who = (typeof WHO)[number]
type Outcome = 'allowed' | 'FORBIDDEN' | 'UNAUTHENTICATED'

let server: GuardedServer
const tokens = new Map<Who, string | null>([[null, null]])
const clients = new Map<Who, Client>()
beforeAll(async () => {
  server = await guardedServer()
  for (const role of WHO.filter((it) => it !== null)) {
    const token = await server.token(`walker-${role}`, role)
    tokens.set(role, token)
    clients.set(role, clientOf({ Authorization: `Bearer ${token}` }))
  }
  clients.set(null, clientOf(undefined))
})
afterAll(() => {
  for (const client of clients.values()) void client.dispose()
})

const clientOf = (connectionParams: Record<string, string> | undefined) =>
  createClient({
    url: `${server.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    lazyCloseTimeout: 1000,
    connectionParams,
  })

function expected(role: Role, who: Who): Outcome {
  if (who === null) return 'UNAUTHENTICATED'
  return mayAs({ role: who }, role) ? 'allowed' : 'FORBIDDEN'
}

function outcomeOf(errors: unknown): Outcome {
  const [code] = (Array.isArray(errors) ? errors : []).map((it) => it.extensions?.code)
  return code === 'FORBIDDEN' || code === 'UNAUTHENTICATED' ? code : 'allowed'
}

/** As JSON, or with its file as a multipart request; a subscription as server-sent events. */
async function overHttp({ kind, document, hasFile }: Operation, who: Who): Promise<Outcome> {
  const token = tokens.get(who)
  const headers: Record<string, string> = token == null ? {} : { authorization: `Bearer ${token}` }
  if (kind === 'subscription') headers.accept = 'text/event-stream'
  const leaving = new AbortController()
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    signal: leaving.signal,
    headers: {
      ...headers,
      ...(hasFile ? { 'x-graphql-yoga-csrf': '1' } : { 'content-type': 'application/json' }),
    },
    body: hasFile ? withFile(document) : JSON.stringify({ query: document }),
  })
  if (kind !== 'subscription') return outcomeOf((await response.json()).errors)
  // One that is open may have nothing to tell yet.
  if (response.status === 401) return 'UNAUTHENTICATED'
  const first = await Promise.race([
    response.body!.getReader().read(),
    server.ask(server.admin, '{ system { version } }'),
  ])
  leaving.abort()
  const text = 'value' in first ? new TextDecoder().decode(first.value) : ''
  return text.includes('"FORBIDDEN"') ? 'FORBIDDEN' : 'allowed'
}

function withFile(query: string): FormData {
  const form = new FormData()
  form.set('operations', JSON.stringify({ query, variables: { file: null } }))
  form.set('map', JSON.stringify({ 0: ['variables.file'] }))
  form.set('0', new Blob(['nothing that can be read']), 'file')
  return form
}

/** A subscription that is open may have nothing to tell: what is asked behind it, and answered, shows that it was let in. */
async function overWebSocket({ kind, document }: Operation, who: Who): Promise<Outcome> {
  const client = clients.get(who)!
  let leave = () => {}
  const told = await new Promise<Outcome>((resolve) => {
    leave = client.subscribe(
      { query: document },
      {
        next: ({ errors }) => resolve(outcomeOf(errors)),
        error: (error) => resolve(isUnauthorized(error) ? 'UNAUTHENTICATED' : outcomeOf(error)),
        complete: () => resolve('allowed'),
      },
    )
    if (kind !== 'subscription' || who === null) return
    client.subscribe(
      { query: '{ system { queue { running } } }' },
      { next() {}, error() {}, complete: () => resolve('allowed') },
    )
  })
  leave()
  return told
}

function isUnauthorized(error: unknown): boolean {
  return (error as { code?: number }).code === 4401
}

describe('every operation', () => {
  test.each(WHO)('is answered over HTTP, and as a stream, as its rule says of %s', async (who) => {
    const outcomes = await Promise.all(
      OPERATIONS.map(async (it) => [it.kind, it.name, await overHttp(it, who)] as const),
    )
    expect(outcomes).toEqual(OPERATIONS.map(({ kind, name, role }) => [kind, name, expected(role, who)]))
  })

  test.each(WHO)('is answered over WebSocket as its rule says of %s', async (who) => {
    const sent = OPERATIONS.filter(({ hasFile }) => !hasFile)
    const outcomes = await Promise.all(
      sent.map(async (it) => [it.kind, it.name, await overWebSocket(it, who)] as const),
    )
    expect(outcomes).toEqual(sent.map(({ kind, name, role }) => [kind, name, expected(role, who)]))
  })

  test('with files is refused before they are sent, where its viewer may not ask for it', async () => {
    const [importModel] = OPERATIONS.filter(({ name }) => name === 'importModel')
    const form = `--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n${JSON.stringify({ query: importModel!.document, variables: { file: null } })}\r\n--x\r\nContent-Disposition: form-data; name="map"\r\n\r\n{"0":["variables.file"]}\r\n--x\r\n`
    async function* never() {
      yield Buffer.from(form)
      await new Promise(() => {})
    }
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${tokens.get('VIEWER')}`,
        'content-type': 'multipart/form-data; boundary=x',
        'x-graphql-yoga-csrf': '1',
      },
      body: Readable.toWeb(Readable.from(never())),
      duplex: 'half',
    } as unknown as RequestInit)
    expect(response.status).toBe(403)
    expect(outcomeOf((await response.json()).errors)).toBe('FORBIDDEN')
  })
})

/** Of each route the status that a GET without a token, and one of a viewer, gets; the page that one signs in at is everyone's. */
const PAGE = [200, 200]
const ROUTES: Readonly<Record<string, readonly number[]>> = {
  '/graphql': [401, 400],
  '/downloads/': [401, 404],
  '/backup': [401, 403],
  '/check': [401, 403],
  '/health': [200, 200],
  '/health/live': [200, 200],
  '/health/ready': [200, 200],
  '/metrics': [401, 200],
  '/login': PAGE,
  '/login/methods': [200, 200],
  // Of this server, which has no provider of OpenID Connect.
  '/login/oidc': [404, 404],
  '/login/oidc/callback': [404, 404],
  '/logout': [404, 404],
  '/assets/': [404, 404],
  '/': PAGE,
  ...Object.fromEntries(
    ['runs', 'new', 'compare', 'models', 'networks', 'predict', 'data', 'system'].flatMap((page) => [
      [`/${page}`, PAGE],
      [`/${page}/`, PAGE],
    ]),
  ),
}

describe('every route', () => {
  test('has a line that says whom it answers', () => {
    expect(Object.keys(routeTable({ signIn: {} } as Handlers)).sort()).toEqual(Object.keys(ROUTES).sort())
  })

  test('answers whom its line says', async () => {
    const statuses = async (path: string) => {
      const asked = ([null, 'VIEWER'] as const).map(async (who) => {
        const token = tokens.get(who)
        const headers: Record<string, string> = token == null ? {} : { authorization: `Bearer ${token}` }
        const response = await fetch(`${server.url}${path}`, { headers })
        await response.body?.cancel()
        return response.status
      })
      return [path, await Promise.all(asked)] as const
    }
    expect(Object.fromEntries(await Promise.all(Object.keys(ROUTES).map(statuses)))).toEqual(ROUTES)
  })
})
