import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Door, openDoor } from '../../support/door.ts'
import { type GuardedServer, startGuarded, vggzoo } from '../../support/guarded.ts'
import { newVisitor, startProvider, type TestProvider, type Visitor } from '../../support/openid.ts'
import { startServer, stopServers } from '../../support/server.ts'

const PEOPLE = {
  ada: { name: 'Ada Lovelace', groups: ['staff', 'lab', 'zoo-admins'] },
  bob: { name: 'Bob', groups: ['lab'] },
  eve: { name: 'Eve', groups: ['staff'] },
  mallory: {},
}

let door: Door
let provider: TestProvider
let server: GuardedServer
beforeAll(async () => {
  door = await openDoor()
  provider = await startProvider(door.url, PEOPLE)
  provider.isDown = true
  server = await startGuarded(provider.env)
  door.leadTo(server.url)
})
afterAll(async () => {
  await server?.stop()
  await stopServers()
  await provider?.close()
  await door?.close()
})

const VIEWER = '{ viewer { id name role kind } }'

/** Leaves for the provider, and answers its first page. */
async function leave(visitor: Visitor, to = '/runs'): Promise<URL> {
  const response = await visitor.get(`${door.url}/login/oidc?${new URLSearchParams({ to })}`)
  expect(response.status).toBe(303)
  return new URL(response.headers.get('location')!, door.url)
}

async function signIn(login: string, to?: string): Promise<{ visitor: Visitor; arrived: Response }> {
  const visitor = newVisitor()
  const callback = await visitor.goThrough((await leave(visitor, to)).href, login)
  return { visitor, arrived: await visitor.get(callback) }
}

/** What the page where one signs in is told, once it is led to. */
function problemIn(response: Response): string | null {
  expect(response.status).toBe(303)
  const url = new URL(response.headers.get('location')!, door.url)
  expect([url.origin, url.pathname]).toEqual([door.url, '/login'])
  return url.searchParams.get('problem')
}

async function viewerOf(visitor: Visitor) {
  const response = await visitor.get(`${door.url}/graphql?${new URLSearchParams({ query: VIEWER })}`)
  return response.status === 401 ? null : (await response.json()).data.viewer
}

const leadsTo = async (arrived: Response) => /content="0;url=([^"]*)"/.exec(await arrived.text())?.[1]

describe('signing in with OpenID Connect', () => {
  test('is refused while the provider is down, which stops no start, and works as soon as it is there', async () => {
    await server.logged(({ msg }) => msg === 'the OpenID Connect provider does not answer yet')
    expect(problemIn(await newVisitor().get(`${door.url}/login/oidc?to=/runs`))).toBe('unreachable')
    provider.isDown = false
    const visitor = newVisitor()
    const callback = await visitor.goThrough((await leave(visitor)).href, 'bob')
    provider.isDown = true
    expect(problemIn(await visitor.get(callback))).toBe('unreachable')
    provider.isDown = false
    expect(await viewerOf((await signIn('bob')).visitor)).toMatchObject({ name: 'Bob' })
  })

  test('is offered to everyone, at the address that the provider leads back to', async () => {
    const offer = await (await fetch(`${server.url}/login/methods`)).json()
    const { host } = new URL(provider.issuer)
    expect(offer).toEqual({ openId: { host, url: `${door.url}/login/oidc` } })
  })

  test('asks with a state, a nonce and PKCE, and keeps none of them in the browser', async () => {
    const visitor = newVisitor()
    const response = await visitor.get(`${door.url}/login/oidc`)
    const asked = Object.fromEntries(new URL(response.headers.get('location')!).searchParams)
    expect(asked).toEqual({
      client_id: 'zoo',
      response_type: 'code',
      redirect_uri: `${door.url}/login/oidc/callback`,
      scope: 'openid profile groups',
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    })
    const set = response.headers.get('set-cookie')!
    expect(set).toMatch(/^vggzoo_signing_in=[^;]+; Max-Age=600; Path=\/login\/oidc; HttpOnly; SameSite=Lax$/)
    for (const secret of [asked.state, asked.nonce, asked.code_challenge]) expect(set).not.toContain(secret)
    const look = await fetch(`${door.url}/login/oidc`, { method: 'HEAD' })
    expect([look.status, look.headers.get('allow')]).toEqual([405, 'GET'])
  })

  test('makes the person known, with the highest role that the claim gives, for half a day', async () => {
    const { visitor, arrived } = await signIn('ada')
    expect(arrived.status).toBe(200)
    expect(arrived.headers.get('cache-control')).toBe('no-store')
    expect(await leadsTo(arrived)).toBe(`${door.url}/runs`)
    const [over, session] = arrived.headers.getSetCookie()
    expect(over).toMatch(/^vggzoo_signing_in=; Max-Age=0; Path=\/login\/oidc; /)
    expect(session).toMatch(/^vggzoo_session=vgs_[^;]+; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/)
    const expires = Date.parse(/Expires=([^;]+)/.exec(session!)![1]!)
    expect((expires - Date.now()) / 3_600_000).toBeCloseTo(12, 1)
    const { host } = new URL(provider.issuer)
    const known = { id: `ada@${host}`, name: 'Ada Lovelace', role: 'ADMIN', kind: 'SESSION' }
    expect(await viewerOf(visitor)).toEqual(known)
    expect(await viewerOf((await signIn('bob')).visitor)).toMatchObject({ role: 'OPERATOR' })
  })

  test('ends by signing out, and by an admin who revokes what it is listed as', async () => {
    const { visitor } = await signIn('bob')
    const cookie = `vggzoo_session=${visitor.cookies(door.url).get('vggzoo_session')}`
    const headers = { cookie, 'content-type': 'application/json' }
    expect((await fetch(`${door.url}/logout`, { method: 'POST', headers, body: '{}' })).status).toBe(200)
    expect(await viewerOf(visitor)).toBeNull()

    const other = (await signIn('bob')).visitor
    const listed = await server.ask(
      server.admin,
      '{ tokens(first: 1) { edges { node { id kind name owner role expiresAt } } } }',
    )
    const { id, ...node } = listed.data.tokens.edges[0].node
    expect(node).toEqual({
      kind: 'SESSION',
      name: 'Bob',
      owner: `bob@${new URL(provider.issuer).host}`,
      role: 'OPERATOR',
      expiresAt: expect.any(String),
    })
    const cli = { VGGZOO_URL: server.url, VGGZOO_TOKEN: server.admin }
    // What people are called is the provider's word: it names no token.
    expect((await vggzoo(['token', 'revoke', 'Bob'], cli)).stderr).toMatch(/There is no token "Bob"/)
    expect(await viewerOf(other)).toMatchObject({ name: 'Bob' })
    await server.ask(server.admin, `mutation { revokeToken(id: "${id}") { __typename } }`)
    expect(await viewerOf(other)).toBeNull()
  })

  test.each([
    ['who has none of the roles', 'eve', 'no-role'],
    ['of whom the provider tells no groups', 'mallory', 'no-role'],
    ['who gives up at the provider', null, 'denied'],
  ])('is refused to one %s, with no session', async (_who, login, problem) => {
    const visitor = newVisitor()
    const arrived = await visitor.get(await visitor.goThrough((await leave(visitor)).href, login))
    expect(problemIn(arrived)).toBe(problem)
    expect(new URL(arrived.headers.get('location')!, door.url).searchParams.get('to')).toBe('/runs')
    expect([...visitor.cookies(door.url).keys()]).toEqual([])
  })

  test('takes an answer once, in the browser that asked for it, and to its own question alone', async () => {
    const visitor = newVisitor()
    const callback = await visitor.goThrough((await leave(visitor)).href, 'bob')
    const kept = visitor.cookies(door.url).get('vggzoo_signing_in')!
    expect(problemIn(await newVisitor().get(callback))).toBe('late')
    const arriveWith = async (cookie: string, url = callback) => {
      const headers = { cookie: `vggzoo_signing_in=${cookie}` }
      return fetch(url, { headers, redirect: 'manual' })
    }
    const other = newVisitor()
    await leave(other)
    expect(problemIn(await arriveWith(other.cookies(door.url).get('vggzoo_signing_in')!))).toBe('late')
    const later = kept.replace(/^\d+/, (until) => String(Number(until) + 600))
    for (const altered of [kept.replace('runs', 'data'), later, '', 'x', `${kept}x`])
      expect(problemIn(await arriveWith(altered))).toBe('late')
    const state = new URL(callback)
    state.searchParams.set('state', 'x'.repeat(43))
    expect(problemIn(await arriveWith(kept, state.href))).toBe('late')
    const issuer = new URL(callback)
    issuer.searchParams.set('iss', 'http://localhost:1')
    expect(problemIn(await arriveWith(kept, issuer.href))).toBe('failed')

    expect((await visitor.get(callback)).status).toBe(200)
    expect(problemIn(await visitor.get(callback))).toBe('late')
    // The provider itself gives nothing for a code that was used.
    expect(problemIn(await arriveWith(kept))).toBe('failed')
  })

  test('does not believe a provider that was asked with another nonce or another challenge', async () => {
    for (const name of ['nonce', 'code_challenge']) {
      const visitor = newVisitor()
      const page = await leave(visitor)
      page.searchParams.set(name, 'x'.repeat(43))
      const arrived = await visitor.get(await visitor.goThrough(page.href, 'bob'))
      expect(problemIn(arrived)).toBe('failed')
      expect(await viewerOf(visitor)).toBeNull()
    }
    await server.logged(({ reason }) => /nonce/.test(String(reason)))
  })

  test('signs out the browser that signed in first when too many have as one person', async () => {
    const { visitor } = await signIn('bob')
    const first = visitor.cookies(door.url).get('vggzoo_session')
    for (let more = 0; more < 100; more++) {
      // The provider knows the browser by now, and leads straight back.
      const there = await visitor.get((await leave(visitor)).href)
      expect((await visitor.get(there.headers.get('location')!)).status).toBe(200)
    }
    expect(await viewerOf(visitor)).toMatchObject({ name: 'Bob' })
    visitor.cookies(door.url).set('vggzoo_session', first!)
    expect(await viewerOf(visitor)).toBeNull()
  })

  test('leads to pages of this server and nowhere else', async () => {
    const elsewhere = [
      'https://evil.example/',
      '//evil.example/',
      '/\\evil.example',
      '/.//evil.example',
      'javascript:alert(1)',
      `/runs?${'x'.repeat(1000)}`,
    ]
    for (const to of elsewhere) expect(await leadsTo((await signIn('bob', to)).arrived)).toBe(`${door.url}/`)
    const { arrived } = await signIn('bob', '/runs?search="><b>&x')
    expect(await leadsTo(arrived)).toBe(`${door.url}/runs?search=%22%3E%3Cb%3E&#38;x`)
  })

  test('writes no secret into the log', async () => {
    const { visitor, arrived } = await signIn('ada')
    const code = new URL(await newCallback()).searchParams.get('code')!
    const session = visitor.cookies(door.url).get('vggzoo_session')!
    expect(arrived.status).toBe(200)
    const secrets = [code, session.slice(-43), provider.env.OIDC_CLIENT_SECRET!]
    const isLeak = (line: object) => secrets.some((secret) => JSON.stringify(line).includes(secret))
    expect(await Promise.race([server.logged(isLeak), 'no line'])).toBe('no line')
  })

  async function newCallback(): Promise<string> {
    const visitor = newVisitor()
    const callback = await visitor.goThrough((await leave(visitor)).href, 'ada')
    expect((await visitor.get(callback)).status).toBe(200)
    return callback
  }

  async function restart(env: NodeJS.ProcessEnv): Promise<void> {
    await server.stop()
    const next = await startServer({ dataDir: server.dataDir, env: { AUTH: 'tokens', ...env } })
    door.leadTo(next.url)
    server = { ...server, ...next }
  }

  test('outlasts a restart, but not one of a server without the provider', async () => {
    const { visitor } = await signIn('bob')
    await restart(provider.env)
    expect(await viewerOf(visitor)).toMatchObject({ name: 'Bob' })
    await restart({})
    expect(await viewerOf(visitor)).toBeNull()
    await restart(provider.env)
    expect(await viewerOf(visitor)).toBeNull()
  })

  test('behind a proxy goes by PUBLIC_URL, which is a name of the server, and keeps to TLS', async () => {
    await restart({ ...provider.env, PUBLIC_URL: 'https://zoo.example.org' })
    const asked = request(`${server.url}/login/oidc`, { headers: { host: 'zoo.example.org' } }).end()
    const [{ statusCode, headers }] = (await once(asked, 'response')) as [IncomingMessage]
    expect(statusCode).toBe(303)
    expect(headers['set-cookie']).toEqual([expect.stringMatching(/; Secure; SameSite=Lax$/)])
    expect(new URL(headers.location!).searchParams.get('redirect_uri')).toBe(
      'https://zoo.example.org/login/oidc/callback',
    )
  })
})
