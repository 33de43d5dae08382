import { type IncomingMessage, request } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import WebSocket from 'ws'
import { EVENTS, type Event } from './runs.ts'
import type { TestServer } from './server.ts'

/** A socket that speaks graphql-transport-ws by hand, so that a test can cut it or stop reading from it. */
export async function openSocket(
  server: TestServer,
  variables: object,
  onEvent: (event: Event) => void,
  query = EVENTS,
): Promise<WebSocket> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  socket.on('message', (data) => {
    const message = JSON.parse(String(data))
    if (message.type === 'connection_ack') {
      socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query, variables } }))
    }
    if (message.type === 'next') onEvent(message.payload.data.trainingRunEvents)
    if (message.type === 'complete') socket.close()
  })
  socket.send(JSON.stringify({ type: 'connection_init' }))
  return socket
}

/** A GET of the subscription as server-sent events, as `curl -N` sends it. */
export function openSse(server: TestServer, id: string, query = EVENTS): Promise<IncomingMessage> {
  const search = new URLSearchParams({ query, variables: JSON.stringify({ id }) })
  return new Promise((resolve, reject) => {
    request(`${server.url}/graphql?${search}`, {
      headers: { accept: 'text/event-stream' },
    })
      .once('response', resolve)
      .once('error', reject)
      .end()
  })
}

/** Nothing tells when a subscription is open or gone; so it is asked for, often. */
export async function untilSubscriptions(server: TestServer, wanted: number): Promise<void> {
  const count = async () => (await server.query('{ system { openSubscriptions } }')).system.openSubscriptions
  while ((await count()) !== wanted) await setTimeout(10)
}
