import { afterAll, beforeAll, expect, test } from 'vitest'
import { LITTLE_ROOM, residentBytes } from '../../support/malformed/bombard.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer({ env: LITTLE_ROOM })
})
afterAll(stopServers)

test('long documents that are none, and long ones that are, leave nothing behind', async () => {
  const padding = 'x'.repeat(2 ** 20)
  const send = async (from: number) => {
    for (let i = from; i < from + 30; i++) {
      const { errors } = await server.execute(`# ${i} ${padding}\n{`)
      expect(errors?.[0]?.extensions?.code).toBe('GRAPHQL_PARSE_FAILED')
      expect(await server.execute(`# ${i} ${padding}\n{ __typename }`)).toEqual({
        data: { __typename: 'Query' },
      })
    }
  }
  await send(0)
  const before = residentBytes(server.pid)
  await send(30)
  // Kept, they would be 60 MiB, and their errors more.
  expect(residentBytes(server.pid) - before).toBeLessThan(40 * 2 ** 20)
})

test('an operation that is not valid leaves nothing of its request behind', async () => {
  const padding = 'x'.repeat(2 ** 20)
  const send = async (from: number) => {
    for (let i = from; i < from + 40; i++) {
      const { errors } = await server.execute(`{ nothing${i} }`, { padding: `${i} ${padding}` })
      expect(errors?.[0]?.extensions?.code).toBe('GRAPHQL_VALIDATION_FAILED')
    }
  }
  await send(0)
  const before = residentBytes(server.pid)
  await send(40)
  await send(80)
  // The variables alone are 80 MiB.
  expect(residentBytes(server.pid) - before).toBeLessThan(40 * 2 ** 20)
})
