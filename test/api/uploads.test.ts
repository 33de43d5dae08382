import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type GraphQLResult, startServer, stopServers, type TestServer } from '../support/server.ts'
import { uploadsGone } from '../support/upload.ts'

const PREDICT = `mutation ($file: File!) { predict(input: { image: { upload: $file } }) {
  __typename ... on UnsupportedImageError { reason message } ... on Error { message } } }`

let server: TestServer
beforeAll(async () => {
  server = await startServer({ dataset: false, env: { MAX_MODEL_BYTES: '320 MiB' } })
})
afterAll(stopServers)

type Part = [name: string, value: string | Uint8Array, filename?: string]
const OPERATIONS: Part = ['operations', JSON.stringify({ query: PREDICT, variables: { file: null } })]
const MAP: Part = ['map', JSON.stringify({ 0: ['variables.file'] })]
const BOUNDARY = 'a-boundary'

function body(parts: readonly Part[]): Buffer {
  const pieces = parts.map(([name, value, filename]) =>
    Buffer.concat([
      Buffer.from(
        `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"${filename === undefined ? '' : `; filename="${filename}"`}\r\n\r\n`,
      ),
      Buffer.from(value as string),
      Buffer.from('\r\n'),
    ]),
  )
  return Buffer.concat([...pieces, Buffer.from(`--${BOUNDARY}--\r\n`)])
}

async function post(content: Uint8Array, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    body: new Uint8Array(content),
    headers: {
      'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
      'x-graphql-yoga-csrf': '1',
      ...headers,
    },
  })
  return { status: response.status, ...((await response.json()) as GraphQLResult) }
}

/** The most resident memory that the server had since its peak was forgotten, in bytes. */
function peakMemory(): number {
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) * 1024
}

describe('a request that is not what the specification says is refused in words, and leaves no file', () => {
  const cases: [string, Buffer, number, RegExp][] = [
    ['without operations', body([MAP, ['0', 'x', 'f']]), 400, /"operations" and "map" must come before/],
    ['without a map', body([OPERATIONS, ['0', 'x', 'f']]), 400, /"operations" and "map" must come before/],
    ['with operations that are no JSON', body([['operations', '{'], MAP]), 400, /"operations" is not JSON/],
    ['with operations that are no object', body([['operations', '7'], MAP]), 400, /not an object/],
    [
      'with a map of another form',
      body([OPERATIONS, ['map', '{"0":"variables.file"}']]),
      400,
      /lists of paths/,
    ],
    [
      'whose map leads nowhere',
      body([OPERATIONS, ['map', '{"0":["variables.x"]}'], ['0', 'x', 'f']]),
      400,
      /"variables.x" of the map does not lead to a null/,
    ],
    [
      'whose map leads into a prototype',
      body([OPERATIONS, ['map', '{"0":["__proto__.x"]}'], ['0', 'x', 'f']]),
      400,
      /does not lead to a null/,
    ],
    [
      'whose map leads to the query',
      body([OPERATIONS, ['map', '{"0":["query"]}'], ['0', 'x', 'f']]),
      400,
      /does not lead to a null/,
    ],
    [
      'with a file that the map does not name',
      body([OPERATIONS, MAP, ['1', 'x', 'f']]),
      400,
      /does not name the file part "1"/,
    ],
    [
      'with a file twice',
      body([OPERATIONS, MAP, ['0', 'x', 'f'], ['0', 'x', 'f']]),
      400,
      /two file parts "0"/,
    ],
    ['without its file', body([OPERATIONS, MAP]), 400, /"0", which the map names, is missing/],
    ['with another field', body([OPERATIONS, MAP, ['other', 'x']]), 400, /The form has a field "other"/],
    ['with another field before all', body([['token', 'x'], OPERATIONS, MAP]), 400, /has a field "token"/],
    [
      'with another file',
      body([OPERATIONS, MAP, ['other', 'x', 'f']]),
      400,
      /does not name the file part "other"/,
    ],
    [
      'with a list of operations',
      body([
        ['operations', '[]'],
        ['map', '{}'],
      ]),
      400,
      /Batching/,
    ],
    ['with a map that is no JSON', body([OPERATIONS, ['map', '[']]), 400, /"map" is not JSON/],
    [
      'with a query that is none',
      body([
        ['operations', '{"query":5}'],
        ['map', '{}'],
      ]),
      400,
      /"query".*number/,
    ],
    [
      'with variables that are none',
      body([
        ['operations', '{"query":"{ __typename }","variables":5}'],
        ['map', '{}'],
      ]),
      400,
      /"variables".*number/,
    ],
    ['with operations twice', body([OPERATIONS, MAP, OPERATIONS]), 400, /may come only once/],
    [
      'with operations that are too long',
      body([['operations', JSON.stringify({ query: ' '.repeat(2 ** 20) })], MAP]),
      413,
      /"operations" has more than 1048576 bytes/,
    ],
    [
      'with too many files',
      body([
        OPERATIONS,
        ['map', JSON.stringify(Object.fromEntries(Array.from({ length: 257 }, (_, i) => [i, []])))],
        ...Array.from({ length: 257 }, (_, i): Part => [String(i), 'x', 'f']),
      ]),
      413,
      /more than 256 files/,
    ],
    [
      'that is cut short',
      body([OPERATIONS, MAP, ['0', 'x'.repeat(1000), 'f']]).subarray(0, 500),
      400,
      /not multipart|Unexpected end|missing/i,
    ],
    ['that is empty', Buffer.alloc(0), 400, /operations|Unexpected end/],
  ]
  test.each(cases)('%s', async (_what, content, status, message) => {
    const answer = await post(content)
    expect(answer.status).toBe(status)
    expect(answer.errors?.[0].message).toMatch(message)
    expect(answer.errors?.[0].extensions?.code).toBe('BAD_USER_INPUT')
    await uploadsGone(server)
  })

  test('with a file of a name that PostgreSQL cannot keep', async () => {
    const { status, errors } = await post(body([OPERATIONS, MAP, ['0', 'x', 'a\0b']]))
    expect(errors).toMatchObject([
      { message: expect.stringMatching(/^\$file holds NUL/), extensions: { code: 'BAD_USER_INPUT' } },
    ])
    expect(status).toBe(200)
    await uploadsGone(server)
  })

  test('with an Accept that no answer has, before anything is read', async () => {
    const answer = await post(body([OPERATIONS, MAP, ['0', 'x', 'f']]), { accept: 'image/png' })
    expect(answer.status).toBe(406)
    await uploadsGone(server)
  })

  test('without a boundary', async () => {
    const answer = await post(body([OPERATIONS]), { 'content-type': 'multipart/form-data' })
    expect(answer.status).toBe(400)
    expect(answer.errors?.[0].message).toMatch(/boundary/i)
  })

  test('without the header that other pages cannot send, before anything is read', async () => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      body: new Uint8Array(body([OPERATIONS, MAP, ['0', 'x', 'f']])),
      headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
    })
    expect(response.status).toBe(403)
    await uploadsGone(server)
  })
})

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
