import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterEach, beforeEach, expect, test } from 'vitest'
import WebSocket from 'ws'
import { OPEN_GATE } from '../../../src/server/access/gate.ts'
import type { GraphQLHandler } from '../../../src/server/graphql/graphql.ts'
import { listen } from '../../../src/server/http.ts'
import { createOriginPolicy } from '../../../src/server/origin.ts'
import { readPair, renew, type TlsFiles } from '../../../src/server/tls.ts'

/** Signed by themselves, for localhost and 127.0.0.1; good for a hundred years. */
const PAIRS = resolve(import.meta.dirname, '../../support/tls')
const ca = ['one', 'two'].map((name) => readFileSync(join(PAIRS, `${name}.crt`)))

let folder: string
let files: TlsFiles

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vggzoo-tls-'))
  files = { cert: join(folder, 'crt'), key: join(folder, 'key') }
  put('one', 'crt')
  put('one', 'key')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const put = (pair: string, part: 'crt' | 'key') =>
  copyFileSync(join(PAIRS, `${pair}.${part}`), join(folder, part))

async function get(url: string): Promise<{ status: number; by: string }> {
  const asked = request(url, { ca, agent: false }).end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  const by = (response.socket as TLSSocket).getPeerCertificate().subject.CN
  response.resume()
  return { status: response.statusCode!, by }
}

test('With a certificate the server speaks HTTPS, and WebSocket within it', async () => {
  const server = await listen('127.0.0.1', 0, { tls: files })
  const handler = (() => {}) as unknown as GraphQLHandler
  server.serve({
    handler,
    uploadHandler: handler,
    downloads: async () => {},
    pages: () => {},
    signIn: { signIn() {}, signOut() {} },
    gate: OPEN_GATE,
    policy: createOriginPolicy({ host: '127.0.0.1', address: server.address, allowedOrigins: [] }),
    readiness: async () => ({}),
    metrics: null,
  })
  expect(server.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
  expect(await get(`${server.url}/health/live`)).toEqual({ status: 200, by: 'one.vggzoo.test' })
  const socket = new WebSocket(`${server.url.replace('https', 'wss')}/graphql`, 'graphql-transport-ws', {
    ca,
  })
  await once(socket, 'open')
  socket.terminate()
  await server.close()
})

test('A renewed certificate is taken without a restart, and not before its key has come', async () => {
  const told: string[] = []
  let tell = () => {}
  const next = () =>
    new Promise<void>((resolve) => {
      tell = resolve
    })
  const pair = readPair(files)
  const server = createServer(pair, (_request, response) => response.end()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const end = renew(
    server,
    files,
    pair,
    {
      renewed() {
        told.push('renewed')
        tell()
      },
      failed(error) {
        told.push((error as Error).message)
        tell()
      },
    },
    10,
  )
  try {
    let heard = next()
    put('two', 'crt')
    await heard
    expect(told).toEqual([`TLS_KEY ${files.key} is not the key of the certificate TLS_CERT ${files.cert}.`])
    expect(await get(url)).toEqual({ status: 200, by: 'one.vggzoo.test' })
    heard = next()
    put('two', 'key')
    await heard
    expect(told.at(-1)).toBe('renewed')
    expect(await get(url)).toEqual({ status: 200, by: 'two.vggzoo.test' })
  } finally {
    end()
    server.close()
  }
})

test.each([
  ['no certificate', 'crt', 'TLS_CERT', 'holds no certificate in PEM'],
  ['no key', 'key', 'TLS_KEY', 'holds no private key without a password in PEM'],
] as const)('Of a file that holds %s the start says so in one line', async (_what, part, name, why) => {
  writeFileSync(join(folder, part), 'nothing of the kind')
  await expect(listen('127.0.0.1', 0, { tls: files })).rejects.toThrow(
    `${name} ${join(folder, part)} ${why}.`,
  )
})

test('A file that cannot be read is named', async () => {
  rmSync(files.key)
  await expect(listen('127.0.0.1', 0, { tls: files })).rejects.toThrow(
    `TLS_KEY ${files.key} cannot be read (ENOENT).`,
  )
})
