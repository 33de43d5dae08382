import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import WebSocket from 'ws'
import { completeRun } from '../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../support/server.ts'
import { untilSubscriptions } from '../support/streams.ts'

/** Times alone; of the 99th percentile, as those who share the server see it. */
const MOST_SLOWER = 3
const ROUNDS = 7
const REQUESTS = 400
const IDLE = 5000
const SLOW = 200

let server: TestServer
let download: string
beforeAll(async () => {
  // Whoever sends this much from one address is many people behind a proxy.
  server = await startServer({ env: { LIMITS: 'off' } })
  const run = await completeRun(server)
  const { trainingRun } = await server.query(
    `{ trainingRun(id: "${run}") { modelVersions { downloads { safetensors { url } } } } }`,
  )
  download = trainingRun.modelVersions[0].downloads.safetensors.url
})
afterAll(stopServers)

/** What keeps a server busy, or holds on to it, until it is ended. */
type Crowd = () => Promise<{ end(): Promise<unknown> }>

const agent = new Agent({ keepAlive: true, maxSockets: 1 })
afterAll(() => agent.destroy())

/** Milliseconds of the 99th percentile of an honest client, who asks one thing after the other. */
async function p99(): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < REQUESTS; i++) {
    const before = performance.now()
    const [response] = (await once(
      request(`${server.url}/graphql?query={__typename}`, { agent }).end(),
      'response',
    )) as [IncomingMessage]
    await once(response.resume(), 'end')
    expect(response.statusCode).toBe(200)
    times.push(performance.now() - before)
  }
  return times.sort((one, other) => one - other)[Math.floor(0.99 * REQUESTS)]!
}

const median = (values: number[]) => values.sort((one, other) => one - other)[values.length >> 1]!

/** Alone and in company by turns, so that whatever else the machine does meets both. */
async function slowdown(crowd: Crowd): Promise<number> {
  const [alone, together]: [number[], number[]] = [[], []]
  await p99()
  for (let round = 0; round < ROUNDS; round++) {
    alone.push(await p99())
    const { end } = await crowd()
    together.push(await p99())
    await end()
  }
  return median(together) / median(alone)
}

const port = () => Number(new URL(server.url).port)

async function dial(): Promise<Socket> {
  const socket = connect(port(), '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

const endOf = (sockets: readonly Socket[]) => ({
  end: () =>
    Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve).destroy()))),
})

const many = <Item>(count: number, make: (i: number) => Promise<Item>) =>
  Promise.all(Array.from({ length: count }, (_, i) => make(i)))

async function openWebSocket(): Promise<WebSocket> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
  socket.on('error', () => {})
  await once(socket, 'open')
  const acknowledged = once(socket, 'message')
  socket.send('{"type":"connection_init"}')
  await acknowledged
  return socket
}

const closed = (sockets: readonly WebSocket[]) =>
  Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve).terminate())))

/** A byte a second, for as long as the socket is there. */
function trickle(socket: Socket, byte: string): void {
  const timer = setInterval(() => socket.write(byte), 1000)
  socket.once('close', () => clearInterval(timer))
}

const CROWDS: Readonly<Record<string, Crowd>> = {
  'who send a header a byte a second': async () => {
    const sockets = await many(SLOW, dial)
    for (const socket of sockets) {
      socket.write('POST /graphql HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
      trickle(socket, 'x')
    }
    return endOf(sockets)
  },
  'who send a body a byte a second': async () => {
    const sockets = await many(SLOW, dial)
    for (const [i, socket] of sockets.entries()) {
      const type = i % 2 === 0 ? 'application/json' : 'multipart/form-data; boundary=b'
      socket.write(
        `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nx-graphql-yoga-csrf: 1\r\nContent-Length: 100000\r\n\r\n`,
      )
      trickle(socket, ' ')
    }
    return endOf(sockets)
  },
  'who read nothing of streams and downloads': async () => {
    const search = new URLSearchParams({ query: 'subscription { systemStats { __typename } }' })
    const sockets = await many(SLOW, async (i) => {
      const socket = (await dial()).pause()
      const [path, accept] = i % 2 === 0 ? [download, '*/*'] : [`/graphql?${search}`, 'text/event-stream']
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: ${accept}\r\n\r\n`)
      return socket
    })
    // By then the downloads have come as far as they get, too.
    await untilSubscriptions(server, SLOW / 2)
    return endOf(sockets)
  },
  'who subscribe by the thousand': async () => {
    const sockets = await many(50, openWebSocket)
    const flooded = sockets.map(async (socket) => {
      for (let id = 0; id < 100; id++) {
        const payload = { query: 'subscription { trainingRunsChanged { __typename } }' }
        socket.send(JSON.stringify({ id: String(id), type: 'subscribe', payload }))
      }
      const answered = once(socket, 'message')
      socket.send('{"type":"ping"}')
      await answered
    })
    await Promise.all(flooded)
    return { end: () => closed(sockets) }
  },
}

test.each(Object.entries(CROWDS))(`others are served well beside clients %s`, async (_who, crowd) => {
  expect(await slowdown(crowd)).toBeLessThan(MOST_SLOWER)
})

test(`others are served well beside ${IDLE} WebSockets that are idle`, async () => {
  const sockets: WebSocket[] = []
  const alone = [await p99(), await p99(), await p99()]
  const most = Number(/^Max open files +(\d+)/m.exec(readFileSync(`/proc/${server.pid}/limits`, 'utf8'))?.[1])
  expect(most, 'ulimit -n: each WebSocket is a file').toBeGreaterThan(IDLE + 500)
  while (sockets.length < IDLE) sockets.push(...(await many(250, openWebSocket)))
  const together: number[] = []
  for (let round = 0; round < ROUNDS; round++) together.push(await p99())
  await closed(sockets)
  while (alone.length < ROUNDS) alone.push(await p99())
  expect(sockets).toHaveLength(IDLE)
  expect(median(together) / median(alone)).toBeLessThan(MOST_SLOWER)
})
