import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  cancelRuns,
  collectEvents,
  completeRun,
  isStatus,
  startRun,
  TINY,
  waitForEvent,
} from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'

/** Long enough that it is surely at work when the test acts on it. */
const LONG = { epochs: 1000, trainLimit: 256 }

const CANCEL = `mutation Cancel($id: ID!) {
  cancelTrainingRun(id: $id) {
    __typename
    ... on TrainingRun { status progress { step } finishedAt }
    ... on Error { message }
  }
}`
const PLACE = `query ($id: ID!) {
  trainingRun(id: $id) { status queue { position ahead secondsUntilStart } }
}`
const MOVE = `mutation ($id: ID!, $position: Int) {
  moveTrainingRun(id: $id, position: $position) {
    ... on TrainingRun { queue { position ahead } }
  }
}`

const STATUS = 'query Status($id: ID!) { trainingRun(id: $id) { status number } }'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(stopServers)

test('runs go one at a time in the order of their start, and a queued one can be cancelled', async () => {
  const first = await startRun(server, LONG)
  const second = await startRun(server)
  const third = await startRun(server)
  await waitForEvent(server, first, isStatus('RUNNING'))
  expect((await server.query(STATUS, { id: second })).trainingRun.status).toBe('QUEUED')
  expect((await server.query('{ system { queue { running queued } } }')).system.queue).toEqual({
    running: 1,
    queued: 2,
  })

  const { cancelTrainingRun: queued } = await server.query(CANCEL, { id: second })
  expect(queued).toMatchObject({ __typename: 'TrainingRun', status: 'CANCELLED' })
  expect((await collectEvents(server, second)).map((event) => event.control ?? event.status)).toEqual([
    'CANCEL',
    'CANCELLED',
  ])

  await server.query(CANCEL, { id: first })
  const events = await collectEvents(server, third)
  expect(events.at(-1)).toMatchObject({ status: 'COMPLETED' })
})

test('a running run stops within one step and says at which', async () => {
  const id = await startRun(server, LONG)
  await waitForEvent(server, id, (event) => event.__typename === 'LossPoints')
  const { cancelTrainingRun } = await server.query(CANCEL, { id })
  expect(cancelTrainingRun.status).toBe('CANCELLED')
  const events = await collectEvents(server, id)
  const steps = events.flatMap((event) => event.points ?? []).map((point) => point.step)
  const control = events.find((event) => event.__typename === 'ControlApplied')
  expect(control).toMatchObject({ control: 'CANCEL', step: steps.at(-1) })
  expect(events.at(-1)).toMatchObject({ status: 'CANCELLED' })
})

test('a run that has ended cannot be cancelled, and an unknown one is not found', async () => {
  const id = await startRun(server)
  await collectEvents(server, id)
  const { cancelTrainingRun: ended } = await server.query(CANCEL, { id })
  expect(ended.__typename).toBe('ConflictError')
  expect(ended.message).toMatch(/is COMPLETED; it cannot be cancelled/)
  const unknown = Buffer.from('TrainingRun:nothing').toString('base64')
  const { cancelTrainingRun: missing } = await server.query(CANCEL, { id: unknown })
  expect(missing.__typename).toBe('NotFoundError')
})

test('trainingRuns lists newest first, by pages, and filters by status', async () => {
  const page = await server.query(
    '{ trainingRuns(first: 2) { totalCount pageInfo { endCursor hasNextPage } edges { node { number } } } }',
  )
  const { totalCount, pageInfo, edges } = page.trainingRuns
  expect(totalCount).toBe(5)
  expect(edges.map((edge: { node: { number: number } }) => edge.node.number)).toEqual([5, 4])
  expect(pageInfo.hasNextPage).toBe(true)
  const next = await server.query(
    'query Next($after: String) { trainingRuns(first: 10, after: $after) { edges { node { number } } } }',
    {
      after: pageInfo.endCursor,
    },
  )
  expect(next.trainingRuns.edges.map((edge: { node: { number: number } }) => edge.node.number)).toEqual([
    3, 2, 1,
  ])
  const cancelled = await server.query('{ trainingRuns(status: [CANCELLED]) { totalCount } }')
  expect(cancelled.trainingRuns.totalCount).toBe(3)
})

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
  await cancelRuns(server)
  const { system } = await server.query('{ system { queue { running queued concurrency } } }')
  expect(system.queue).toEqual({ running: 0, queued: 0, concurrency: 1 })
  await completeRun(server)
  await startRun(server, LONG)
  const id = await startRun(server)
  const { trainingRun } = await server.query(PLACE, { id })
  // By the epoch of the first run: 1000 epochs of four times as many images.
  expect(trainingRun.queue).toMatchObject({ position: 1, ahead: 1 })
  expect(trainingRun.queue.secondsUntilStart).toBeGreaterThan(10)
})

test('a queue that is full tells when to come back', async () => {
  await cancelRuns(server)
  await startRun(server, LONG)
  await Promise.all(Array.from({ length: 100 }, () => startRun(server)))
  const { startTrainingRun } = await server.query(
    `mutation ($input: StartTrainingRunInput!) {
      startTrainingRun(input: $input) { __typename ... on OverloadedError { message retryAfterMs queueDepth } }
    }`,
    { input: { ...TINY, dataset: 'tiny' } },
  )
  expect(startTrainingRun).toMatchObject({ __typename: 'OverloadedError', queueDepth: 100 })
  expect(startTrainingRun.retryAfterMs).toBeGreaterThan(0)
})
