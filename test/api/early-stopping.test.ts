import { afterAll, beforeAll, expect, test } from 'vitest'
import { collectEvents, finalDigest, startRun } from '../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../support/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(stopServers)

test('a run that stops early comes to its best epoch, also for who registers what it ended with', async () => {
  // No epoch is so much better than the first.
  const earlyStopping = { metric: 'TEST_LOSS', patience: 2, minDelta: 1000 }
  const id = await startRun(server, { epochs: 9, earlyStopping, checkpoints: { keepLatest: 5 } })
  const events = await collectEvents(server, id)
  expect(events.at(-1)).toMatchObject({ status: 'COMPLETED' })
  expect(events.filter(({ __typename }) => __typename === 'EpochEnded')).toHaveLength(3)
  const [best] = events.filter(({ __typename }) => __typename === 'CheckpointSaved')
  expect(await finalDigest(server, id)).toBe(best.digest)
  const { registerModel } = await server.query(
    `mutation ($input: RegisterModelInput!) {
      registerModel(input: $input) { ... on ModelVersion { digest evaluation { loss } } ... on Error { message } }
    }`,
    { input: { name: 'the best', weights: { runId: id } } },
  )
  expect(registerModel).toMatchObject({ digest: best.digest, evaluation: { loss: expect.any(Number) } })
})
