import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { type GuardedServer, guardedServer } from '../support/guarded.ts'
import { OPERATIONS, type Operation } from '../support/operations.ts'

interface Entry {
  number: number
  at: string
  action: string
  outcome: string
  error: string | null
  viewerId: string | null
  role: string | null
  address: string
  requestId: string
  targetType: string | null
  targetId: string | null
  detail: string | null
}

const ENTRIES = `query ($filter: AuditFilterInput, $first: Int, $after: String) {
  auditLog(first: $first, after: $after, filter: $filter) {
    totalCount
    pageInfo { hasNextPage endCursor }
    edges { node {
      number at action outcome error viewerId viewerName role tokenId address requestId targetType targetId detail
    } }
  }
}`

let server: GuardedServer
const tokens = new Map<string, string>()
beforeAll(async () => {
  server = await guardedServer()
  for (const role of ['VIEWER', 'OPERATOR', 'ADMIN'] as const)
    tokens.set(role, await server.token(`audited-${role}`, role))
})
afterAll(async () => {
  for (const run of await runs())
    await asAdmin('mutation ($id: ID!) { cancelTrainingRun(id: $id) { __typename } }', run)
})

const asAdmin = (query: string, variables?: object) => server.ask(tokens.get('ADMIN')!, query, variables)

async function runs(): Promise<{ id: string }[]> {
  const { data } = await asAdmin(
    '{ trainingRuns(first: 100, status: [QUEUED, RUNNING]) { edges { node { id } } } }',
  )
  return data.trainingRuns.edges.map(({ node }: { node: { id: string } }) => node)
}

/** The newest first. */
async function entries(filter: object = {}): Promise<Entry[]> {
  const { data } = await asAdmin(ENTRIES, { filter, first: 100 })
  return data.auditLog.edges.map(({ node }: { node: Entry }) => node)
}

async function newest(filter: object = {}): Promise<Entry> {
  const [entry] = await entries(filter)
  return entry!
}

interface Answer {
  requestId: string
  /** As the entry is to say it. */
  outcome: 'DONE' | 'REFUSED'
  error: string | null
}

/** Sends a mutation, with its file where it has one, and tells what came of it. */
async function send({ name, document, hasFile }: Operation, role: string): Promise<Answer> {
  const form = new FormData()
  form.set('operations', JSON.stringify({ query: document, variables: { file: null } }))
  form.set('map', JSON.stringify({ 0: ['variables.file'] }))
  form.set('0', new Blob(['nothing that can be read']), 'file')
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${tokens.get(role)}`,
      ...(hasFile ? { 'x-graphql-yoga-csrf': '1' } : { 'content-type': 'application/json' }),
    },
    body: hasFile ? form : JSON.stringify({ query: document }),
  })
  const { data, errors } = await response.json()
  const requestId = response.headers.get('x-request-id')!
  const type: string = data?.[name]?.__typename ?? ''
  const error = errors?.[0].extensions.code ?? (type.endsWith('Error') ? type : null)
  return { requestId, outcome: error === null ? 'DONE' : 'REFUSED', error }
}

const MUTATIONS = OPERATIONS.filter(({ kind }) => kind === 'mutation')
/** Whose entries would be most of the database. */
const LEFT_OUT = ['predict']

describe('the audit log', () => {
  test.each(['VIEWER', 'OPERATOR', 'ADMIN'])(
    'has one entry of each mutation that a viewer with the role %s asks for, also when it is refused',
    async (role) => {
      for (const mutation of MUTATIONS) {
        const { requestId, outcome, error } = await send(mutation, role)
        const found = (await entries({ viewerId: `audited-${role}` })).filter(
          (it) => it.requestId === requestId,
        )
        const expected = {
          action: mutation.name,
          outcome,
          error,
          viewerName: `audited-${role}`,
          role,
          tokenId: expect.any(String),
          address: '127.0.0.1',
        }
        expect(found, mutation.name).toMatchObject(LEFT_OUT.includes(mutation.name) ? [] : [expected])
      }
    },
  )

  test('has no entry of a query, and none of whom the server does not know', async () => {
    const { number } = await newest()
    await asAdmin('{ system { version } }')
    await server.ask(null, MUTATIONS[0]!.document)
    expect((await newest()).number).toBe(number)
  })

  test('says what was made or changed, with some of what was asked for and no secret', async () => {
    const made = await asAdmin(`mutation {
      a: createArchitecture(input: { name: "audited_net", features: "16,M,32" }) { ... on Architecture { id } }
      b: createToken(input: { name: "made for the log", role: VIEWER, expiresAt: "2099-01-01T00:00:00Z" }) {
        ... on CreatedToken { secret token { id } }
      }
      c: startTrainingRun(input: { architecture: "vgg_mini", dataset: "${server.dataset}", epochs: 1, notes: "private" }) {
        ... on TrainingRun { id }
      }
      d: prepareDataset(name: "${server.dataset}") { ... on Dataset { id } }
    }`)
    const { a, b, c, d } = made.data
    const found = await entries()
    expect(found.slice(0, 4).reverse()).toMatchObject([
      {
        action: 'createArchitecture',
        targetType: 'Architecture',
        targetId: a.id,
        outcome: 'DONE',
        error: null,
      },
      { action: 'createToken', targetType: 'AccessToken', targetId: b.token.id },
      { action: 'startTrainingRun', targetType: 'TrainingRun', targetId: c.id },
      { action: 'prepareDataset', targetType: 'Dataset', targetId: d.id },
    ])
    expect(
      found
        .slice(0, 4)
        .map(({ detail }) => JSON.parse(detail!))
        .reverse(),
    ).toEqual([
      { name: 'audited_net' },
      { name: 'made for the log', role: 'VIEWER', expiresAt: '2099-01-01T00:00:00.000Z' },
      { architecture: 'vgg_mini', dataset: server.dataset, epochs: 1 },
      { name: server.dataset },
    ])
    expect(JSON.stringify(found)).not.toContain(b.secret.slice(-43))

    await asAdmin('mutation ($id: ID!) { renameTrainingRun(id: $id, name: "x") { __typename } }', {
      id: c.id,
    })
    await asAdmin('mutation ($id: ID!) { revokeToken(id: $id) { __typename } }', { id: b.token.id })
    await asAdmin('mutation { deleteArchitecture(name: "audited_net") { __typename } }')
    expect((await entries()).slice(0, 3)).toMatchObject([
      { action: 'deleteArchitecture', targetType: 'Architecture', targetId: a.id },
      { action: 'revokeToken', targetId: b.token.id },
      { action: 'renameTrainingRun', targetId: c.id },
    ])
    expect((await entries({ targetId: c.id })).map(({ action }) => action)).toEqual([
      'renameTrainingRun',
      'startTrainingRun',
    ])
  })

  test('has an entry of each time that the same thing was asked for under an idempotency key', async () => {
    const start = `mutation { startTrainingRun(input: {
      architecture: "vgg_mini", dataset: "${server.dataset}", epochs: 1, idempotencyKey: "asked twice"
    }) { ... on TrainingRun { id } } }`
    const { id } = (await asAdmin(start)).data.startTrainingRun
    expect((await asAdmin(start)).data.startTrainingRun.id).toBe(id)
    expect(await entries({ targetId: id })).toMatchObject([
      { action: 'startTrainingRun', outcome: 'DONE' },
      { action: 'startTrainingRun', outcome: 'DONE' },
    ])
  })

  test('names the connection and the operation of what came over WebSocket', async () => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
    const connection = new Promise((resolve) =>
      socket.once('upgrade', ({ headers }) => resolve(headers['x-request-id'])),
    )
    const payload = { Authorization: `Bearer ${tokens.get('OPERATOR')}` }
    const query = 'mutation { deleteArchitecture(name: "none") { __typename } }'
    socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload })))
    await new Promise<void>((resolve) =>
      socket.on('message', (data) => {
        const { type } = JSON.parse(String(data))
        if (type === 'connection_ack')
          socket.send(JSON.stringify({ id: 'an operation', type: 'subscribe', payload: { query } }))
        if (type === 'next') resolve()
      }),
    )
    socket.close()
    expect(await newest({ viewerId: 'audited-OPERATOR' })).toMatchObject({
      action: 'deleteArchitecture',
      outcome: 'REFUSED',
      error: 'FORBIDDEN',
      requestId: `${await connection}/an operation`,
      address: '127.0.0.1',
    })
  })

  test('tells of signing in and out, and of a flood of guesses as much as tells that there was one', async () => {
    const post = (path: string, body: object, headers: Record<string, string> = {}) =>
      fetch(`${server.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      })
    const signedIn = await post('/login', { token: tokens.get('VIEWER') })
    const cookie = signedIn.headers.get('set-cookie')!.split(';')[0]!
    await post('/logout', {}, { cookie })
    const of = { viewerId: 'audited-VIEWER' }
    const [signIn] = await entries({ ...of, action: 'signIn' })
    const [signOut] = await entries({ ...of, action: 'signOut' })
    expect(signIn).toMatchObject({
      outcome: 'DONE',
      role: 'VIEWER',
      targetType: 'Session',
      requestId: signedIn.headers.get('x-request-id'),
    })
    // The session that it began is what the browser is known by from then on.
    expect(signOut).toMatchObject({ outcome: 'DONE', tokenId: signIn!.targetId })

    const since = new Date()
    const guess = `vgz_000000000000_${'x'.repeat(43)}`
    for (let i = 0; i < 40; i++) await post('/login', { token: guess })
    const failed = await entries({ action: 'signIn', outcome: 'REFUSED' })
    expect(failed.length).toBeGreaterThan(0)
    // Ten a minute, and one may have ended meanwhile; other tests of this server have made guesses, too.
    expect((await entries({ action: 'signIn', outcome: 'REFUSED', since })).length).toBeLessThanOrEqual(20)
    expect(failed[0]).toMatchObject({
      viewerId: null,
      role: null,
      error: 'UNAUTHENTICATED',
      address: '127.0.0.1',
    })
    expect(JSON.stringify(failed)).not.toContain(guess)
  })

  test('tells of checks and backups, and of those who may not have them', async () => {
    const ask = async (path: string, role: string) => {
      const headers = { authorization: `Bearer ${tokens.get(role)}` }
      const response = await fetch(`${server.url}${path}`, { method: 'POST', headers })
      await response.arrayBuffer()
      return response.headers.get('x-request-id')
    }
    const refused = await ask('/backup', 'OPERATOR')
    expect(await newest({ action: 'backup' })).toMatchObject({
      outcome: 'REFUSED',
      error: 'FORBIDDEN',
      viewerId: 'audited-OPERATOR',
      requestId: refused,
    })
    const done = await ask('/check', 'ADMIN')
    // The answer of a check ends before its entry is written.
    await expect
      .poll(() => newest({ action: 'check' }))
      .toMatchObject({ outcome: 'DONE', viewerId: 'audited-ADMIN', requestId: done })
  })

  test('is read in pages, newest first, by who, what and when, and numbered without a gap', async () => {
    const all: Entry[] = []
    let after: string | null = null
    do {
      const { data } = await asAdmin(ENTRIES, { first: 50, after })
      all.push(...data.auditLog.edges.map(({ node }: { node: Entry }) => node))
      after = data.auditLog.pageInfo.hasNextPage ? data.auditLog.pageInfo.endCursor : null
    } while (after !== null)
    expect(all.map(({ number }) => number)).toEqual(all.map((_, i) => all.length - i))

    const of = { viewerId: 'audited-ADMIN', action: 'deleteDataset', outcome: 'REFUSED' }
    const expected = all.filter(
      (it) => it.viewerId === of.viewerId && it.action === of.action && it.outcome === of.outcome,
    )
    expect(expected.length).toBeGreaterThan(0)
    expect(await entries(of)).toEqual(expected)

    const middle = all[Math.floor(all.length / 2)]!
    const since = (await asAdmin(ENTRIES, { filter: { since: middle.at }, first: 1 })).data.auditLog
      .totalCount
    const until = (await asAdmin(ENTRIES, { filter: { until: middle.at }, first: 1 })).data.auditLog
      .totalCount
    expect([since, until]).toEqual([
      all.filter(({ at }) => at >= middle.at).length,
      all.filter(({ at }) => at < middle.at).length,
    ])
  })
})
