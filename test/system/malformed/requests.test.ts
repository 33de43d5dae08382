import { afterAll, beforeAll, expect, test } from 'vitest'
import { bombard, LITTLE_ROOM } from '../../support/malformed/bombard.ts'
import { KINDS } from '../../support/malformed/kinds.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'

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
