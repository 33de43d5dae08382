import { afterAll, beforeAll, expect, test } from 'vitest'
import { bombard, LITTLE_ROOM } from '../../support/malformed/bombard.ts'
import { KINDS } from '../../support/malformed/kinds.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'
import { BOUNDARY, body } from '../../support/upload.ts'

// Of files, and many more of these: test/load/malformed.
const COUNT = 100
const MOST_GROWN = 96 * 2 ** 20
const FILES = ['pictures', 'weight files']

let server: TestServer
beforeAll(async () => {
  server = await startServer({ env: LITTLE_ROOM })
})
afterAll(stopServers)

test('a syntax error has its code and its place, over HTTP and over WebSocket', async () => {
  const error = {
    message: 'Syntax Error: Expected Name, found <EOF>.',
    locations: [{ line: 1, column: 2 }],
    extensions: { code: 'GRAPHQL_PARSE_FAILED' },
  }
  expect((await server.execute('{')).errors).toEqual([error])
  await expect(server.subscribe('{').next()).rejects.toEqual([error])
})

test.each(KINDS.filter(([what]) => !FILES.includes(what)))(
  'malformed %s are refused with a code',
  async (_what, attack) => {
    await bombard(server, await attack(server), { count: COUNT, mostGrown: MOST_GROWN })
  },
)

test('a document of a million tokens costs no more than its text, also in a request with files', async () => {
  const query = `{ ${'a '.repeat(1_000_000)}}`
  const operations = JSON.stringify({ query })
  const form = body([
    ['operations', operations],
    ['map', '{}'],
  ])
  const types = ['application/json', `multipart/form-data; boundary=${BOUNDARY}`] as const
  for (const [type, content] of [
    [types[0], operations],
    [types[1], form],
  ] as const) {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': type, 'x-graphql-yoga-csrf': '1' },
      body: String(content),
    })
    expect((await response.json()).errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COMPLEX' } }])
  }
})
