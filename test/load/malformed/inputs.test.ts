import { afterAll, beforeAll, describe, test } from 'vitest'
import { type GuardedServer, startGuarded } from '../../support/guarded.ts'
import { bombard, LITTLE_ROOM } from '../../support/malformed/bombard.ts'
import { type Given, given, overHttp, overWebSocket } from '../../support/malformed/credentials.ts'
import { KINDS } from '../../support/malformed/kinds.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'

/** Of each kind: MALFORMED=100000 MALFORMED_SEED=10000 sends others, and more. */
const COUNT = Number(process.env.MALFORMED ?? 10_000)
const firstSeed = Number(process.env.MALFORMED_SEED ?? 0)
const SENT = { count: COUNT, firstSeed, mostGrown: 64 * 2 ** 20 }
const MOST_MS = 60 * 60 * 1000

afterAll(stopServers)

describe('without authentication', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startServer({ env: LITTLE_ROOM })
  })

  test.each(KINDS)(
    `${COUNT} malformed %s are refused with a code, and cost no memory`,
    async (_what, attack) => {
      await bombard(server, await attack(server), SENT)
    },
    MOST_MS,
  )
})

describe('with tokens', () => {
  let server: GuardedServer
  let its: Given
  beforeAll(async () => {
    server = await startGuarded({ ...LITTLE_ROOM, LIMITS: 'attempts=off', LOG_LEVEL: 'info' })
    its = await given(server)
  })

  test.each([
    ['HTTP', overHttp],
    ['WebSocket', overWebSocket],
  ] as const)(
    `${COUNT} tokens and cookies over %s that are nearly right let nobody in`,
    async (_how, attack) => {
      await bombard(server.as(its.token), attack(server, its), SENT)
    },
    MOST_MS,
  )
})
