import { afterAll, beforeAll, expect, test } from 'vitest'
import { CONTROL, startRun } from '../../support/runs.ts'
import { startServer, stopServers } from '../../support/server.ts'
import { isSigned, type Receiver, startReceiver } from '../../support/webhook-receiver.ts'

let receiver: Receiver
beforeAll(async () => {
  receiver = await startReceiver()
})
afterAll(async () => {
  await stopServers()
  receiver.close()
})

const CREATE = `mutation ($url: String!) {
  createWebhook(input: { url: $url, events: [RUN_ENDED] }) { ... on CreatedWebhook { secret webhook { id } } }
}`
const STATES = `query ($id: ID!) { webhook(id: $id) { deliveries { edges { node { state } } } } }`

test('What a killed server had not delivered, the next one delivers', async () => {
  const env = { WEBHOOKS_PRIVATE: 'true', PUBLIC_URL: 'https://zoo.example.org' }
  const first = await startServer({ env })
  const { secret, webhook } = (await first.query(CREATE, { url: receiver.url })).createWebhook
  // The receiver hangs at the first message; the second waits behind it.
  receiver.answer = null
  const ids = [await startRun(first, { priority: -1 }), await startRun(first, { priority: -1 })]
  for (const id of ids) await first.query(CONTROL('cancel'), { id })
  const cut = await receiver.next()
  await first.stop('SIGKILL')

  receiver.answer = 200
  const second = await startServer({ dataDir: first.dataDir, env })
  const messages = [await receiver.next(), await receiver.next()]
  expect(messages.map(({ json }) => json.data.id)).toEqual(ids)
  expect(messages.filter((message) => !isSigned(message, secret))).toEqual([])
  expect(messages[0]!.headers['webhook-id']).toBe(cut.headers['webhook-id'])
  expect(messages[0]!.json.data.url).toBe(`https://zoo.example.org/runs/${messages[0]!.json.data.number}`)
  await expect
    .poll(async () => (await second.query(STATES, { id: webhook.id })).webhook.deliveries.edges)
    .toEqual([{ node: { state: 'DELIVERED' } }, { node: { state: 'DELIVERED' } }])
})
