import { existsSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { collectEvents, completeRun, isStatus, startRun, waitForEvent } from '../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../support/server.ts'

const LONG = { epochs: 1000, trainLimit: 256 }
const RUNS = '{ trainingRuns { edges { node { number status failure { code message } } } } }'
const PREDICT = `mutation {
  predict(input: { image: { sample: { index: 1 } } }) { __typename ... on Prediction { label } ... on Error { message } }
}`

afterAll(stopServers)

async function trainerPid(server: TestServer, run: number): Promise<number> {
  const line = await server.logged((it) => it.msg === 'trainer started' && it.run === run)
  return line.trainer as number
}

/** Gone, or a zombie that its parent has not collected yet. */
function isGone(pid: number): boolean {
  return !existsSync(`/proc/${pid}`)
}

async function untilGone(pid: number): Promise<void> {
  while (!isGone(pid)) await new Promise((resolve) => setImmediate(resolve))
}

test('a trainer that is killed leaves its run FAILED with the reason, and the next run starts', async () => {
  const server = await startServer()
  const id = await startRun(server, LONG)
  const next = await startRun(server)
  await waitForEvent(server, id, (event) => event.__typename === 'LossPoints')
  process.kill(await trainerPid(server, 1), 'SIGKILL')
  const events = await collectEvents(server, id)
  expect(events.at(-1)).toMatchObject({ status: 'FAILED', failure: { code: 'TRAINER_DIED' } })
  expect(events.at(-1).failure.message).toMatch(/SIGKILL/)
  expect((await collectEvents(server, next)).at(-1)).toMatchObject({ status: 'COMPLETED' })
})

test('a server that is killed takes its trainer along, and its next start gives every run a true status', async () => {
  const server = await startServer()
  const id = await startRun(server, LONG)
  await startRun(server)
  await waitForEvent(server, id, (event) => event.__typename === 'LossPoints')
  const trainer = await trainerPid(server, 1)
  await server.stop('SIGKILL')
  await untilGone(trainer)

  const again = await startServer({ dataDir: server.dataDir })
  const { trainingRuns } = await again.query(RUNS)
  const [second, first] = trainingRuns.edges.map((edge: { node: object }) => edge.node)
  expect(first).toMatchObject({ number: 1, status: 'FAILED', failure: { code: 'SERVER_STOPPED' } })
  expect(['QUEUED', 'PREPARING', 'RUNNING', 'COMPLETED']).toContain(second.status)
  const events = await collectEvents(again, id)
  expect(events.at(-1)).toMatchObject({ status: 'FAILED' })
  const steps = events.flatMap((event) => event.points ?? []).map((point) => point.step)
  expect(steps).toEqual(steps.map((_, i) => i + 1))
})

test('a server that is asked to stop ends its run truly, tells who watches, and leaves no process', async () => {
  const server = await startServer()
  const id = await startRun(server, LONG)
  await waitForEvent(server, id, (event) => event.__typename === 'LossPoints')
  const trainer = await trainerPid(server, 1)
  const watching = waitForEvent(server, id, isStatus('FAILED'))
  await server.stop()
  expect(await watching).toMatchObject({ failure: { code: 'SERVER_STOPPED' } })
  expect(isGone(trainer)).toBe(true)
})

test('a predictor that is killed is replaced, and a predict that comes meanwhile is answered', async () => {
  const server = await startServer()
  await completeRun(server)
  expect((await server.query(PREDICT)).predict.__typename).toBe('Prediction')
  const { predictor } = await server.logged((line) => line.msg === 'predictor is ready')
  process.kill(predictor as number, 'SIGKILL')
  expect((await server.query(PREDICT)).predict.__typename).toBe('Prediction')
})
