import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { createClient } from '../../../src/client/node.ts'
import { CREATE_TOKEN, type GuardedServer, guardedServer, vggzoo } from '../../support/guarded.ts'

let server: GuardedServer
beforeAll(async () => {
  server = await guardedServer()
})

const VIEWER = '{ viewer { id name role kind } }'
const TICKS = 'subscription { systemStats(everyMs: 250) { at } }'
const UNAUTHENTICATED = { extensions: { code: 'UNAUTHENTICATED' } }
const REVOKE = 'mutation ($id: ID!) { revokeToken(id: $id) { __typename ... on AccessToken { revokedAt } } }'

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

/** Sends ConnectionInit, subscribes when that is acknowledged, and tells what came of it. */
function open(params: object | undefined, headers: Record<string, string> = {}) {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
    headers,
  })
  socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: params })))
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })),
  )
  const ticking = new Promise<void>((resolve) =>
    socket.on('message', (data) => {
      const { type } = JSON.parse(String(data))
      if (type === 'connection_ack')
        socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: TICKS } }))
      if (type === 'next') resolve()
    }),
  )
  return { socket, closed, ticking }
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })

async function signIn(token: string, headers: Record<string, string> = {}) {
  const response = await post('/login', { token }, headers)
  const set = response.headers.get('set-cookie')
  return { response, set, cookie: set?.split(';')[0] ?? '' }
}

async function idOf(token: string): Promise<string> {
  const prefix = token.slice(0, 16)
  const { data } = await server.ask(server.admin, '{ tokens(first: 100) { edges { node { id prefix } } } }')
  return data.tokens.edges.find(({ node }: { node: { prefix: string } }) => node.prefix === prefix).node.id
}

describe('a server with AUTH=tokens', () => {
  test('knows the bearer of a token that the command line made before it started', async () => {
    expect(server.admin).toMatch(/^vgz_[0-9a-f]{12}_[\w-]{43}$/)
    const { data } = await server.ask(server.admin, VIEWER)
    expect(data.viewer).toEqual({ id: 'root', name: 'root', role: 'ADMIN', kind: 'TOKEN' })
  })

  test('answers nothing to whom it does not know, over HTTP, as a stream, and for downloads and uploads', async () => {
    const wrong = `${server.admin.slice(0, -1)}${server.admin.endsWith('A') ? 'B' : 'A'}`
    const sent = [
      {},
      bearer(wrong),
      bearer('vgz_'),
      bearer('x'.repeat(8000)),
      { Authorization: 'Basic cm9vdA==' },
    ]
    for (const headers of sent as Record<string, string>[]) {
      const answers = [
        await post('/graphql', { query: '{ __typename }' }, headers),
        await fetch(`${server.url}/graphql?query=${encodeURIComponent(TICKS)}`, {
          headers: { accept: 'text/event-stream', ...headers },
        }),
        await post('/graphql', 'never looked at', {
          'content-type': 'multipart/form-data; boundary=x',
          'x-graphql-yoga-csrf': '1',
          ...headers,
        }),
      ]
      for (const answer of answers) {
        expect(answer.status).toBe(401)
        expect(answer.headers.get('www-authenticate')).toBe('Bearer')
        expect(await answer.text()).toMatch(
          /\{"errors":\[\{"message":"[^"]+","extensions":\{"code":"UNAUTHENTICATED"\}\}\]\}/,
        )
      }
      const download = await fetch(`${server.url}/downloads/x/model.safetensors`, { headers })
      expect([download.status, download.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    }
  })

  test('leads a browser that wants the playground to where one signs in, and shows its health to everyone', async () => {
    const page = await fetch(`${server.url}/graphql?query=x`, {
      headers: { accept: 'text/html' },
      redirect: 'manual',
    })
    expect([page.status, page.headers.get('location')]).toEqual([303, '/login?to=%2Fgraphql%3Fquery%3Dx'])
    expect((await fetch(`${server.url}/health/ready`)).status).toBe(200)
  })

  test('closes a socket with 4401 unless its params, headers or cookie say who it is', async () => {
    const { cookie } = await signIn(server.admin)
    const refused = [open(undefined), open({ Authorization: 'Bearer vgz_x' }), open({ token: server.admin })]
    for (const { closed } of refused) expect((await closed).code).toBe(4401)
    const admitted = [
      open(bearer(server.admin)),
      open({ authorization: `bearer ${server.admin}` }),
      open(undefined, bearer(server.admin)),
      open(undefined, { cookie }),
      open(undefined, { cookie, origin: server.url }),
    ]
    for (const { ticking, socket } of admitted) {
      await ticking
      socket.close()
    }
  })

  test('makes a token for admins alone, shows its secret once, and keeps names apart', async () => {
    const secret = await server.token('reader', 'VIEWER', { owner: 'rita' })
    expect((await server.ask(secret, VIEWER)).data.viewer).toMatchObject({ id: 'rita', name: 'reader' })
    for (const query of [
      '{ tokens { totalCount } }',
      `{ node(id: "${await idOf(secret)}") { ... on AccessToken { name } } }`,
    ]) {
      const { errors } = await server.ask(secret, query)
      expect(errors).toMatchObject([
        { message: 'This needs the role ADMIN; reader has VIEWER.', extensions: { code: 'FORBIDDEN' } },
      ])
    }
    const input = { name: 'reader', role: 'ADMIN' }
    expect((await server.ask(secret, CREATE_TOKEN, { input })).errors).toMatchObject([
      { extensions: { code: 'FORBIDDEN' } },
    ])
    expect((await server.ask(server.admin, CREATE_TOKEN, { input })).data.createToken.__typename).toBe(
      'ConflictError',
    )
    const past = { name: ' ', role: 'VIEWER', expiresAt: '2020-01-01T00:00:00.000Z' }
    expect((await server.ask(server.admin, CREATE_TOKEN, { input: past })).data.createToken.__typename).toBe(
      'ValidationError',
    )
    const { data } = await server.ask(
      server.admin,
      '{ tokens { edges { node { name owner prefix lastUsedAt } } } }',
    )
    expect(data.tokens.edges[0].node).toEqual({
      name: 'reader',
      owner: 'rita',
      prefix: secret.slice(0, 16),
      lastUsedAt: expect.any(String),
    })
  })

  test('ends sockets, streams and sessions of a token within seconds after it was revoked, also by itself', async () => {
    const secret = await server.token('leaver', 'ADMIN')
    const { cookie } = await signIn(secret)
    const sockets = [open(bearer(secret)), open(undefined, { cookie })]
    const stream = await fetch(`${server.url}/graphql?query=${encodeURIComponent(TICKS)}`, {
      headers: { accept: 'text/event-stream', ...bearer(secret) },
    })
    const reader = stream.body!.getReader()
    await Promise.all([...sockets.map(({ ticking }) => ticking), reader.read()])
    const { data } = await server.ask(secret, REVOKE, { id: await idOf(secret) })
    expect(data.revokeToken.revokedAt).toEqual(expect.any(String))
    expect((await server.ask(secret, VIEWER)).errors).toMatchObject([UNAUTHENTICATED])
    expect((await post('/graphql', { query: VIEWER }, { cookie })).status).toBe(401)
    for (const { closed } of sockets)
      expect(await closed).toEqual({ code: 4401, reason: 'The token was revoked or has expired.' })
    const rest = async () => {
      while (!(await reader.read()).done);
    }
    await expect(rest()).rejects.toThrow()
    expect((await server.ask(server.admin, REVOKE, { id: await idOf(secret) })).data.revokeToken).toEqual({
      __typename: 'AccessToken',
      revokedAt: data.revokeToken.revokedAt,
    })
  })

  test('ends a socket whose token expires', async () => {
    const secret = await server.token('mayfly', 'VIEWER', { expiresAt: new Date(Date.now() + 1500) })
    const { ticking, closed } = open(bearer(secret))
    await ticking
    expect((await closed).code).toBe(4401)
    expect((await server.ask(secret, VIEWER)).errors).toMatchObject([UNAUTHENTICATED])
  })

  test('gives a browser that signs in a cookie that no script and no other page can use', async () => {
    const { set, response, cookie } = await signIn(server.admin, { origin: server.url })
    expect(await response.json()).toEqual({ name: 'root', role: 'ADMIN' })
    expect(set).toMatch(/^vggzoo_session=vgs_[^;]+; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/)
    const behindTls = await signIn(server.admin, { origin: server.url.replace('http:', 'https:') })
    expect(behindTls.set).toMatch(/; Secure/)
    const { data } = await (await post('/graphql', { query: VIEWER }, { cookie })).json()
    expect(data.viewer).toEqual({ id: 'root', name: 'root', role: 'ADMIN', kind: 'SESSION' })

    const foreign = { origin: 'http://localhost:1' }
    expect((await post('/graphql', { query: VIEWER }, { cookie, ...foreign })).status).toBe(401)
    expect((await signIn(server.admin, foreign)).response.status).toBe(403)
    expect((await signIn(server.admin, { 'content-type': 'text/plain' })).response.status).toBe(403)
    expect((await post('/logout', {}, { cookie, ...foreign })).status).toBe(403)
    // What is in the cookie is no token, and a token no session.
    const session = cookie.split('=')[1]!
    expect((await server.ask(session, VIEWER)).errors).toMatchObject([UNAUTHENTICATED])
    expect((await signIn(session)).response.status).toBe(401)
    expect(
      (await post('/graphql', { query: VIEWER }, { cookie: `vggzoo_session=${server.admin}` })).status,
    ).toBe(401)
    for (const body of ['', '{', 'null', '1', '{}', '{"token":1}']) {
      const response = await post('/login', body)
      expect([response.status, (await response.json()).message]).toEqual([
        400,
        'Send {"token": "vgz_..."} as JSON.',
      ])
    }
    expect((await post('/login', { token: 'x'.repeat(5000) })).status).toBe(400)
    expect((await post('/login', { token: '' })).status).toBe(401)

    const out = await post('/logout', {}, { cookie })
    expect(out.headers.get('set-cookie')).toMatch(/^vggzoo_session=; .*Expires=Thu, 01 Jan 1970/)
    expect((await post('/graphql', { query: VIEWER }, { cookie })).status).toBe(401)
  })

  test('signs out the browser that signed in first when too many have with one token', async () => {
    const secret = await server.token('kiosk', 'VIEWER')
    const cookies: string[] = []
    for (let browser = 0; browser <= 100; browser++) cookies.push((await signIn(secret)).cookie)
    const statusOf = async (cookie: string) => (await post('/graphql', { query: VIEWER }, { cookie })).status
    expect(await statusOf(cookies[0]!)).toBe(401)
    expect(await statusOf(cookies[1]!)).toBe(200)
    expect(await statusOf(cookies[100]!)).toBe(200)
  })

  test('tells the client library why it is refused, and lets it in with a token', async () => {
    const url = server.url
    const [stranger, known] = [createClient({ url }), createClient({ url, token: () => server.admin })]
    await expect(stranger.query(VIEWER)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    await expect(stranger.subscribe(TICKS).next()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(await known.query(VIEWER)).toMatchObject({ viewer: { id: 'root' } })
    expect((await known.subscribe(TICKS).next()).value).toMatchObject({ systemStats: {} })
    expect((await known.fetch('/downloads/x/model.safetensors')).status).toBe(404)
    await expect(known.fetch('http://evil.example/')).rejects.toThrow('is not of the server')
    stranger.dispose()
    known.dispose()
  })

  test('has its tokens managed by the command line of an admin, which says what it lacks', async () => {
    const env = { DATA_DIR: server.dataDir, PORT: new URL(server.url).port }
    const unknown = await vggzoo(['token', 'list'], env)
    expect([unknown.code, unknown.stderr]).toEqual([
      1,
      expect.stringMatching(/^A server is running .* VGGZOO_TOKEN .*\n$/),
    ])
    const as = { ...env, VGGZOO_TOKEN: server.admin }
    const made = await vggzoo(
      ['token', 'create', 'robot', '--role', 'operator', '--expires', '30d', '--json'],
      as,
    )
    const { secret, expiresAt } = JSON.parse(made.stdout)
    expect(Math.round((Date.parse(expiresAt) - Date.now()) / 86_400_000)).toBe(30)
    expect((await server.ask(secret, VIEWER)).data.viewer.role).toBe('OPERATOR')
    const list = await vggzoo(['token', 'list'], as)
    expect(list.stdout).toMatch(/^robot +OPERATOR +robot +vgz_\w{12} +until /m)
    expect(list.stdout).not.toContain(secret)
    expect((await vggzoo(['token', 'revoke', 'robot'], as)).stdout).toMatch(
      /^robot \(vgz_\w{12}\) is revoked\.\n$/,
    )
    expect((await server.ask(secret, VIEWER)).errors).toMatchObject([UNAUTHENTICATED])
  })

  test('keeps no secret in its data folder, and writes none into its log', async () => {
    const { cookie } = await signIn(server.admin)
    const secrets = [server.admin, cookie].map((secret) => secret.slice(-43))
    const isLeak = (line: object) => secrets.some((secret) => JSON.stringify(line).includes(secret))
    expect(await Promise.race([server.logged(isLeak), 'no line'])).toBe('no line')
    const files = readdirSync(server.dataDir, { recursive: true, withFileTypes: true }).filter((it) =>
      it.isFile(),
    )
    expect(files.length).toBeGreaterThan(100)
    for (const { parentPath, name } of files) {
      const content = readFileSync(join(parentPath, name))
      for (const secret of secrets) expect(content.includes(secret)).toBe(false)
    }
  })
})
