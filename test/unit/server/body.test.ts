import { EventEmitter, once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createLargeBodies, readText } from '../../../src/server/body.ts'

const KIB = 1024
const MOST = 200 * KIB

let server: Server
let url: string
const happened = new EventEmitter()
/** What was read since the test began; 'read' tells of each. */
let read: { size: number; response: ServerResponse }[]

beforeAll(async () => {
  const largeBodies = createLargeBodies(250 * KIB)
  server = createServer(async (request, response) => {
    const over = once(response, 'close')
    const text = await readText(request, MOST, (bytes) => largeBodies.admit(bytes, over)).catch(() => null)
    if (text === null) return
    read.push({ size: text.length, response })
    happened.emit('read')
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  read = []
})

const text = (size: number) => 'a'.repeat(size)
const sizes = () => read.map(({ size }) => size)

async function send(body: string | Buffer, headers: Record<string, string> = {}): Promise<void> {
  await (await fetch(url, { method: 'POST', body: body as BodyInit, headers })).text()
}

async function untilRead(count: number): Promise<void> {
  while (read.length < count) await once(happened, 'read')
}

test('large bodies wait for room until others are answered, in their order, and small ones pass them by', async () => {
  const first = send(text(150 * KIB))
  await untilRead(1)
  const second = send(text(160 * KIB))
  const small = send(text(60 * KIB))
  await untilRead(2)
  expect(sizes()).toEqual([150 * KIB, 60 * KIB])
  read[0]!.response.end()
  await first
  await untilRead(3)
  expect(sizes()).toEqual([150 * KIB, 60 * KIB, 160 * KIB])
  for (const { response } of read) response.end()
  await Promise.all([second, small])
})

test('a compressed body counts for what it may become', async () => {
  const first = send(gzipSync(text(80 * KIB)), { 'content-encoding': 'gzip' })
  await untilRead(1)
  const second = send(text(80 * KIB))
  const small = send(text(1))
  await untilRead(2)
  expect(sizes()).toEqual([80 * KIB, 1])
  for (const { response } of read) response.end()
  await untilRead(3)
  read[2]!.response.end()
  await Promise.all([first, second, small])
})

test('whoever goes away while waiting, or before the body is whole, leaves the room to others', async () => {
  const first = send(text(150 * KIB))
  await untilRead(1)
  const gone = connect((server.address() as AddressInfo).port, '127.0.0.1')
  gone.write(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${190 * KIB}\r\n\r\n${text(100 * KIB)}`)
  // It is at the server: what came later is answered.
  const small = send(text(1))
  await untilRead(2)
  gone.destroy()
  const third = send(text(200 * KIB))
  for (const { response } of read) response.end()
  await untilRead(3)
  expect(sizes()).toEqual([150 * KIB, 1, 200 * KIB])
  read[2]!.response.end()
  await Promise.all([first, small, third])
})
