import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { keepAlive } from '../../../../src/server/graphql/heartbeat.ts'

const BEAT_MS = 20

let server: WebSocketServer
beforeEach(async () => {
  server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  server.on('connection', (client) => keepAlive(client, BEAT_MS))
  await once(server, 'listening')
})
afterEach(() => {
  for (const client of server.clients) client.terminate()
  server.close()
})

const connect = (autoPong: boolean) =>
  new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, { autoPong })

async function pings(client: WebSocket, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await once(client, 'ping')
}

test('a client that answers nothing is cut off', async () => {
  const [code] = await once(connect(false), 'close')
  expect(code).toBe(1006)
})

test('one that answers every second ping stays', async () => {
  const client = connect(false)
  for (let i = 0; i < 5; i++) {
    await pings(client, 2)
    client.pong()
  }
  expect(client.readyState).toBe(WebSocket.OPEN)
})

test('one that sends messages and no pongs stays', async () => {
  const client = connect(false)
  client.on('ping', () => client.send('here'))
  await pings(client, 10)
  expect(client.readyState).toBe(WebSocket.OPEN)
})

test('who answered stays when the server is held up for longer than anybody may take to answer', async () => {
  const client = connect(true)
  await pings(client, 1)
  // The pong is on its way, and read by nobody.
  const end = performance.now() + 10 * BEAT_MS
  while (performance.now() < end);
  await pings(client, 5)
  expect(client.readyState).toBe(WebSocket.OPEN)
})
