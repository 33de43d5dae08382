import { afterAll, beforeAll, test } from 'vitest'
import { type GuardedServer, startGuarded } from '../../support/guarded.ts'
import { bombard, LITTLE_ROOM } from '../../support/malformed/bombard.ts'
import { type Given, given, overHttp, overWebSocket } from '../../support/malformed/credentials.ts'
import { stopServers } from '../../support/server.ts'

const COUNT = 300
const MOST_GROWN = 96 * 2 ** 20

let server: GuardedServer
let its: Given
beforeAll(async () => {
  // Nobody may guess so often.
  server = await startGuarded({ ...LITTLE_ROOM, LIMITS: 'attempts=off', LOG_LEVEL: 'info' })
  its = await given(server)
})
afterAll(stopServers)

test.each([
  ['HTTP', overHttp],
  ['WebSocket', overWebSocket],
] as const)(
  'tokens, cookies and sign-ins over %s that are nearly right let nobody in',
  async (_how, attack) => {
    await bombard(server.as(its.token), attack(server, its), { count: COUNT, mostGrown: MOST_GROWN })
  },
)
