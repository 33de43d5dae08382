import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'
import { BOUNDARY, body, type Part, uploadsGone } from '../../support/upload.ts'

const PREDICT = `mutation ($file: File!) { predict(input: { image: { upload: $file } }) {
  __typename ... on UnsupportedImageError { reason message } ... on Error { message } } }`

let server: TestServer
beforeAll(async () => {
  server = await startServer({ dataset: false, env: { MAX_MODEL_BYTES: '320 MiB' } })
})
afterAll(stopServers)

const OPERATIONS: Part = ['operations', JSON.stringify({ query: PREDICT, variables: { file: null } })]
const MAP: Part = ['map', JSON.stringify({ 0: ['variables.file'] })]

/** The most resident memory that the server had since its peak was forgotten, in bytes. */
function peakMemory(): number {
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) * 1024
}

/** Sends a file of so many bytes in pieces, without ever having it in memory. */
function stream(bytes: number, cutAt = bytes): Promise<{ status?: number; text: string }> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(server.url)
    const head = body([OPERATIONS, MAP]).subarray(0, -`--${BOUNDARY}--\r\n`.length)
    const sending = request(
      {
        hostname,
        port,
        path: '/graphql',
        method: 'POST',
        headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}`, 'x-graphql-yoga-csrf': '1' },
      },
      (response) => {
        let text = ''
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode, text }))
      },
    )
    sending.on('error', () => resolve({ text: '' }))
    sending.write(head)
    sending.write(`--${BOUNDARY}\r\ncontent-disposition: form-data; name="0"; filename="f"\r\n\r\n`)
    const piece = Buffer.alloc(2 ** 20, 1)
    let sent = 0
    const more = () => {
      while (sent < cutAt) {
        sent += piece.length
        if (!sending.write(piece)) return void sending.once('drain', more)
      }
      if (cutAt < bytes) sending.destroy()
      else sending.end(`\r\n--${BOUNDARY}--\r\n`)
    }
    more()
  })
}

test('300 MB go to disk and not into the memory of the server', async () => {
  // From here on: the peak of the start would hide as much.
  writeFileSync(`/proc/${server.pid}/clear_refs`, '5')
  const before = peakMemory()
  const { status, text } = await stream(300 * 2 ** 20)
  expect(status).toBe(200)
  expect(JSON.parse(text).data.predict).toMatchObject({
    __typename: 'UnsupportedImageError',
    reason: 'TOO_MANY_BYTES',
    message: expect.stringContaining(String(300 * 2 ** 20)),
  })
  expect(peakMemory() - before).toBeLessThan(100 * 2 ** 20)
  await uploadsGone(server)
})

test('files above MAX_MODEL_BYTES are refused, and the answer says so', async () => {
  const { status, text } = await stream(330 * 2 ** 20)
  expect(status).toBe(413)
  expect(JSON.parse(text).errors[0].message).toBe(
    `The files of a request may have ${320 * 2 ** 20} bytes together (MAX_MODEL_BYTES).`,
  )
  await uploadsGone(server)
})

test('a client that goes away in the middle leaves nothing', async () => {
  await stream(100 * 2 ** 20, 20 * 2 ** 20)
  await uploadsGone(server)
})

test('what a killed server left is removed by the next start', async () => {
  const left = join(server.dataDir, 'uploads', 'left')
  mkdirSync(left, { recursive: true })
  await server.stop('SIGKILL')
  server = await startServer({ dataDir: server.dataDir, dataset: false })
  expect(existsSync(left)).toBe(false)
})
