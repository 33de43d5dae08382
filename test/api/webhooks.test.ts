import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type GuardedServer, guardedServer } from '../support/guarded.ts'
import { REGISTER, SET_ALIAS } from '../support/models.ts'
import { CONTROL, cancelRuns, completeRun, startRun } from '../support/runs.ts'
import { sharedServer, stopServers, type TestServer } from '../support/server.ts'
import { isSigned, type Receiver, startReceiver } from '../support/webhook-receiver.ts'

const CREATE = `mutation ($input: CreateWebhookInput!) {
  createWebhook(input: $input) {
    __typename
    ... on CreatedWebhook { secret webhook { id url events active owner } }
    ... on ValidationError { issues { path message } }
    ... on Error { message }
  }
}`
const DELIVERIES = `query ($id: ID!) { webhook(id: $id) { deliveries {
  totalCount
  edges { node { id eventId type payload state attempts lastStatus lastError nextAttemptAt deliveredAt } }
} } }`

let server: GuardedServer
let admin: TestServer
let receiver: Receiver
const made: string[] = []
beforeAll(async () => {
  server = await guardedServer()
  admin = server.as(server.admin)
})
beforeEach(async () => {
  receiver = await startReceiver()
})
afterEach(async () => {
  for (const id of made.splice(0)) await admin.query(`mutation { deleteWebhook(id: "${id}") { __typename } }`)
  receiver.close()
})
afterAll(async () => {
  await cancelRuns(admin)
  await stopServers()
})

async function create(events: string[], more: object = {}) {
  const { createWebhook } = await admin.query(CREATE, { input: { url: receiver.url, events, ...more } })
  if (createWebhook.__typename === 'CreatedWebhook') made.push(createWebhook.webhook.id)
  return createWebhook
}

interface Delivery {
  id: string
  eventId: string
  payload: string
  state: string
}

/** Newest first. */
async function deliveries(id: string): Promise<Delivery[]> {
  const { webhook } = await admin.query(DELIVERIES, { id })
  return webhook.deliveries.edges.map(({ node }: { node: Delivery }) => node)
}

describe('a webhook', () => {
  test('is told once of each event that it wants, in a message that it knows to be the server’s', async () => {
    const { secret, webhook } = await create(['RUN_ENDED', 'VERSION_REGISTERED', 'ALIAS_MOVED'])
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    const run = await completeRun(admin, { name: 'told of' })
    const { trainingRun } = await admin.query(
      'query ($id: ID!) { trainingRun(id: $id) { number evaluation { accuracy } modelVersions { id version digest } } }',
      { id: run },
    )
    const [trained] = trainingRun.modelVersions
    const { registerModel } = await admin.query(REGISTER, {
      input: { name: 'told of', weights: { runId: run } },
    })
    const second = (await admin.query(REGISTER, { input: { name: 'told of', weights: { runId: run } } }))
      .registerModel
    const set = async (versionId: string) =>
      (await admin.query(SET_ALIAS, { input: { versionId, name: 'champion' } })).setModelAlias
    const alias = await set(registerModel.id)
    // It names this one already.
    await set(registerModel.id)
    await set(second.id)
    const messages = [await receiver.next()]
    while (messages.length < 6) messages.push(await receiver.next())

    expect(messages.filter((message) => !isSigned(message, secret))).toEqual([])
    expect(new Set(messages.map(({ headers }) => headers['webhook-id'])).size).toBe(6)
    expect(messages.map(({ json }) => json.type)).toEqual([
      'version.registered',
      'run.ended',
      'version.registered',
      'version.registered',
      'alias.moved',
      'alias.moved',
    ])
    const [version, ended, , , named, moved] = messages.map(({ json }) => json.data)
    expect(ended).toEqual({
      id: run,
      number: trainingRun.number,
      name: 'told of',
      owner: 'root',
      architecture: 'vgg_mini',
      dataset: server.dataset,
      status: 'COMPLETED',
      failure: null,
      accuracy: trainingRun.evaluation.accuracy,
      url: `/runs/${trainingRun.number}`,
    })
    expect(version).toMatchObject({
      ...trained,
      model: 'vgg_mini',
      origin: 'TRAINED',
      runId: run,
      owner: 'root',
    })
    expect(named).toEqual({
      id: alias.id,
      name: 'champion',
      model: 'told of',
      version: 1,
      versionId: registerModel.id,
      previousVersionId: null,
      url: '/models/told%20of/1',
    })
    expect(moved).toMatchObject({ version: 2, versionId: second.id, previousVersionId: registerModel.id })
    await expect
      .poll(async () => (await deliveries(webhook.id)).map(({ state }) => state))
      .toEqual(messages.map(() => 'DELIVERED'))
    const log = (await deliveries(webhook.id)).reverse()
    expect(log.map(({ eventId, payload }) => [eventId, payload])).toEqual(
      messages.map(({ headers, body }) => [headers['webhook-id'], body]),
    )
  })

  test('is told of a run that is cancelled, and of nothing that it does not want', async () => {
    const { webhook } = await create(['RUN_ENDED'])
    const other = await create(['DISK_LOW'])
    const id = await startRun(admin, { priority: -1000 })
    await admin.query(CONTROL('cancel'), { id })
    expect((await receiver.next()).json).toMatchObject({
      type: 'run.ended',
      data: { id, status: 'CANCELLED', failure: null, accuracy: null },
    })
    expect(await deliveries(webhook.id)).toHaveLength(1)
    expect(await deliveries(other.webhook.id)).toEqual([])
  })

  test('is tried, and a message is sent again, when an admin asks for it', async () => {
    const { secret, webhook } = await create(['DISK_LOW'])
    const { testWebhook } = await admin.query(
      'mutation ($id: ID!) { testWebhook(id: $id) { ... on WebhookDelivery { id type state } } }',
      { id: webhook.id },
    )
    expect(testWebhook).toEqual({ id: expect.any(String), type: 'test', state: 'PENDING' })
    const first = await receiver.next()
    expect(first.json).toMatchObject({ type: 'test', data: { webhookId: webhook.id } })
    await expect.poll(async () => (await deliveries(webhook.id))[0]!.state).toBe('DELIVERED')
    await admin.query('mutation ($id: ID!) { redeliverWebhook(id: $id) { __typename } }', {
      id: testWebhook.id,
    })
    const again = await receiver.next()
    expect(again.headers['webhook-id']).toBe(first.headers['webhook-id'])
    expect(isSigned(again, secret)).toBe(true)
  })

  test('is made once under an idempotency key', async () => {
    const input = { idempotencyKey: 'hook' }
    const first = await create(['RUN_ENDED'], input)
    expect(
      (await admin.query(CREATE, { input: { ...input, url: receiver.url, events: ['RUN_ENDED'] } }))
        .createWebhook,
    ).toEqual(first)
    expect((await create(['DISK_LOW'], input)).__typename).toBe('ConflictError')
  })

  test('shows its secret to whoever made it, once, and to no log', async () => {
    const { secret, webhook } = await create(['RUN_ENDED'])
    const { webhooks, auditLog, node } = await admin.query(
      `query ($id: ID!) {
        webhooks { totalCount edges { node { id url events owner } } }
        auditLog(first: 1, filter: { action: "createWebhook" }) { edges { node { targetType targetId detail } } }
        node(id: $id) { __typename }
      }`,
      { id: webhook.id },
    )
    expect(webhooks.edges[0].node).toEqual({
      id: webhook.id,
      url: receiver.url,
      events: ['RUN_ENDED'],
      owner: 'root',
    })
    expect(auditLog.edges[0].node).toEqual({ targetType: 'Webhook', targetId: webhook.id, detail: null })
    expect(node).toEqual({ __typename: 'Webhook' })
    expect(JSON.stringify([webhooks, auditLog])).not.toContain(secret.slice(10, 30))
  })

  test('is seen by admins alone, also by its id', async () => {
    const { webhook } = await create(['RUN_ENDED'])
    const operator = server.as(await server.token('no-hooks', 'OPERATOR'))
    const { errors } = await operator.execute(
      'query ($id: ID!) { node(id: $id) { ... on Webhook { url } } }',
      {
        id: webhook.id,
      },
    )
    expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }])
  })

  test('that is deleted is gone with its messages', async () => {
    const { webhook } = await create(['RUN_ENDED'])
    const remove = `mutation { deleteWebhook(id: "${webhook.id}") { __typename ... on Webhook { url } } }`
    expect((await admin.query(remove)).deleteWebhook).toEqual({ __typename: 'Webhook', url: receiver.url })
    expect((await admin.query(remove)).deleteWebhook.__typename).toBe('NotFoundError')
    expect((await admin.query(DELIVERIES, { id: webhook.id })).webhook).toBeNull()
  })
})

test.each([
  'http://localhost:4000/graphql',
  'https://127.0.0.1/',
  'https://localhost/',
  'https://169.254.169.254/latest/meta-data/',
  'https://[::1]/',
])('A server that was told nothing else makes no webhook for %s', async (url) => {
  const usual = await sharedServer()
  const { createWebhook } = await usual.query(CREATE, { input: { url, events: ['RUN_ENDED'] } })
  expect(createWebhook).toMatchObject({
    __typename: 'ValidationError',
    issues: [{ path: ['url'], message: expect.stringMatching(/https:\/\/|no public address/) }],
  })
})
