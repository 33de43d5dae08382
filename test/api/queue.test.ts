import { afterAll, beforeAll, expect, test } from 'vitest'
import { collectEvents, isStatus, startRun, TINY, waitForEvent } from '../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../support/server.ts'

/** Long enough that it is surely at work when the test acts on it. */
const LONG = { epochs: 1000, trainLimit: 256 }

const CANCEL = `mutation Cancel($id: ID!) {
  cancelTrainingRun(id: $id) {
    __typename
    ... on TrainingRun { status progress { step } finishedAt }
    ... on Error { message }
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

test('a queue that is full tells when to come back', async () => {
  await startRun(server, LONG)
  await Promise.all(Array.from({ length: 100 }, () => startRun(server)))
  const { startTrainingRun } = await server.query(
    `mutation ($input: StartTrainingRunInput!) {
      startTrainingRun(input: $input) { __typename ... on OverloadedError { message retryAfterMs queueDepth } }
    }`,
    { input: TINY },
  )
  expect(startTrainingRun).toMatchObject({ __typename: 'OverloadedError', queueDepth: 100 })
  expect(startTrainingRun.retryAfterMs).toBeGreaterThan(0)
})
