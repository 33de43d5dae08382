import { once } from 'node:events'
import fs, { mkdtempSync, readdirSync, readlinkSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Downloads } from '../../../src/models/downloads.ts'
import { OPEN_GATE } from '../../../src/server/access/gate.ts'
import { createDownloadHandler } from '../../../src/server/downloads.ts'
import { createRecordingLog, type RecordingLog } from '../../support/recording-log.ts'

const CONTENT = 'abcdefghij'

let folder: string
let file: string
let server: Server
let log: RecordingLog
let find: Downloads['find']

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vggzoo-downloads-'))
  file = join(folder, 'weights')
  writeFileSync(file, CONTENT)
  find = async () => ({ file, content: 'e', fileName: 'weights' })
  log = createRecordingLog()
  const handler = createDownloadHandler({
    gate: OPEN_GATE,
    links: { isGood: () => false },
    downloads: { find: (name) => find(name) },
    allowedOrigins: [],
    logger: log,
  })
  server = createServer((request, response) => void handler(request, response))
  await once(server.listen(0, '127.0.0.1'), 'listening')
})
afterEach(async () => {
  vi.restoreAllMocks()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  rmSync(folder, { recursive: true, force: true })
})

async function open(headers: Record<string, string> = {}, method = 'GET'): Promise<IncomingMessage> {
  const { port } = server.address() as AddressInfo
  const asked = request({
    host: '127.0.0.1',
    port,
    path: '/downloads/x/model.safetensors',
    method,
    headers,
  }).end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  return response
}

async function get(headers: Record<string, string> = {}, method = 'GET') {
  const response = await open(headers, method)
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode, headers: response.headers, text }
}

test.each([
  ['weights-v1.safetensors', 'attachment; filename="weights-v1.safetensors"'],
  [
    'Größe é-v1.bin',
    `attachment; filename="Gro_e_e-v1.bin"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%C3%A9-v1.bin`,
  ],
  ['猫 🐈-v2.bin', `attachment; filename="_-v2.bin"; filename*=UTF-8''%E7%8C%AB%20%F0%9F%90%88-v2.bin`],
  [
    `it's (a) "b"*;.bin`,
    `attachment; filename="it_s_a_b_.bin"; filename*=UTF-8''it%27s%20%28a%29%20%22b%22%2A%3B.bin`,
  ],
])('the name %s is sent in its own script, with a plain one beside it', async (fileName, header) => {
  find = async () => ({ file, content: 'e', fileName })
  expect((await get()).headers['content-disposition']).toBe(header)
})

test('a range is only for whom has exactly this file', async () => {
  const ask = async (condition: string) => (await get({ range: 'bytes=0-1', 'if-range': condition })).status
  expect(await ask('"e"')).toBe(206)
  for (const other of ['W/"e"', '"other"', '"other", "e"', 'Wed, 25 Nov 2026 07:00:00 GMT']) {
    expect([other, await ask(other)]).toEqual([other, 200])
  }
})

test('HEAD answers as for the whole file, whatever range it names', async () => {
  const { status, headers } = await get({ range: 'bytes=2-3' }, 'HEAD')
  expect([status, headers['content-length'], headers['content-range']]).toEqual([200, '10', undefined])
})

test('an empty file is sent, and no range lies in it', async () => {
  truncateSync(file)
  expect(await get()).toMatchObject({ status: 200, text: '', headers: { 'content-length': '0' } })
  expect(await get({ range: 'bytes=0-' })).toMatchObject({ status: 416 })
})

test('a file that was deleted since it was found is not there, and nothing failed', async () => {
  rmSync(file)
  const { status, headers } = await get()
  expect([status, headers.etag, headers['cache-control']]).toEqual([404, undefined, undefined])
  expect(log.errors).toEqual([])
})

test('errors are not kept by caches, nor saved as the file', async () => {
  for (const [name, value, status] of [
    ['range', 'bytes=10-', 416],
    ['if-match', '"other"', 412],
  ] as const) {
    const answer = await get({ [name]: value })
    expect(answer.status).toBe(status)
    for (const name of ['etag', 'cache-control', 'content-disposition']) {
      expect(answer.headers[name]).toBeUndefined()
    }
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8')
  }
  expect(log.errors).toEqual([])
})

describe('a client that goes away leaves no file open', () => {
  test('in the middle of 50 MB', async () => {
    truncateSync(file, 50_000_000)
    const closed = nextFileClosed()
    const response = await open()
    await once(response, 'readable')
    expect(openFiles()).toContain(file)
    response.destroy()
    expect((await closed).bytesRead).toBeLessThan(50_000_000)
    expect(openFiles()).not.toContain(file)
  })

  test('before its file is found', async () => {
    const closed = nextFileClosed()
    const { port } = server.address() as AddressInfo
    const asked = request({ host: '127.0.0.1', port, path: '/downloads/x/model.safetensors' }).on(
      'error',
      () => {},
    )
    const gone = new Promise((resolve) => {
      server.once('request', (_request, response) => response.once('close', resolve))
    })
    const findNow = find
    find = async (name) => {
      asked.destroy()
      await gone
      return findNow(name)
    }
    asked.end()
    await closed
    expect(openFiles()).not.toContain(file)
  })
})

/** The next stream that the handler reads a file by, when it is closed. */
function nextFileClosed(): Promise<fs.ReadStream> {
  const { createReadStream } = fs
  return new Promise((resolve) => {
    vi.spyOn(fs, 'createReadStream').mockImplementation((...args) => {
      const stream = createReadStream(...args)
      return stream.once('close', () => resolve(stream))
    })
  })
}

function openFiles(): string[] {
  return readdirSync('/proc/self/fd').map((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`)
    } catch {
      // The one that lists the folder is closed by now.
      return ''
    }
  })
}
