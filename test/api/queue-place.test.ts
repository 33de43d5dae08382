import { afterAll, beforeAll, expect, test } from 'vitest'
import { completeRun, isStatus, startRun, waitForEvent } from '../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../support/server.ts'

/** Long enough that it is surely at work when the test looks. */
const LONG = { epochs: 1000, trainLimit: 256 }

const PLACE = `query ($id: ID!) {
  trainingRun(id: $id) { status queue { position ahead secondsUntilStart } }
}`
const MOVE = `mutation ($id: ID!, $position: Int) {
  moveTrainingRun(id: $id, position: $position) {
    ... on TrainingRun { queue { position ahead } }
  }
}`

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(stopServers)

const placeOf = async (id: string) => (await server.query(PLACE, { id })).trainingRun.queue
const positions = async (...ids: string[]) =>
  Promise.all(ids.map(async (id) => (await placeOf(id))?.position ?? null))

test('a queued run says its place, and when it would start once a run has shown how long that takes', async () => {
  const running = await startRun(server, LONG)
  await waitForEvent(server, running, isStatus('RUNNING'))
  const [second, third] = [await startRun(server), await startRun(server)]
  expect(await placeOf(running)).toBeNull()
  expect(await placeOf(second)).toMatchObject({ position: 1, ahead: 1 })
  // How long an epoch of the second takes is told by the first one, once it has shown a speed.
  await waitForEvent(server, running, ({ __typename }) => __typename === 'EpochEnded')
  const [next, last] = [await placeOf(second), await placeOf(third)]
  expect(next.secondsUntilStart).toBeGreaterThan(0)
  expect(last).toMatchObject({ position: 2, ahead: 2 })
  expect(last.secondsUntilStart).toBeGreaterThan(0)

  const { moveTrainingRun: moved } = await server.query(MOVE, { id: third, position: 1 })
  expect(moved.queue).toEqual({ position: 1, ahead: 1 })
  expect(await positions(second, third)).toEqual([2, 1])

  const urgent = await startRun(server, { priority: 5 })
  expect(await positions(urgent, third, second)).toEqual([1, 2, 3])

  const { trainingRuns } = await server.query(
    '{ trainingRuns(status: [QUEUED]) { edges { node { queue { position } } } } }',
  )
  expect(trainingRuns.edges.map(({ node }: { node: { queue: object } }) => node.queue)).toEqual([
    { position: 1 },
    { position: 2 },
    { position: 3 },
  ])
})

test('the time until a run starts is told by what an earlier run took, before the one ahead has shown anything', async () => {
  const mine = await startServer({ env: { MAX_CONCURRENT_RUNS: '1' } })
  const { system } = await mine.query('{ system { queue { running queued concurrency } } }')
  expect(system.queue).toEqual({ running: 0, queued: 0, concurrency: 1 })
  await completeRun(mine)
  await startRun(mine, LONG)
  const id = await startRun(mine)
  const { trainingRun } = await mine.query(PLACE, { id })
  // By the epoch of the first run: 1000 epochs of four times as many images.
  expect(trainingRun.queue).toMatchObject({ position: 1, ahead: 1 })
  expect(trainingRun.queue.secondsUntilStart).toBeGreaterThan(10)
})
