import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { collectEvents, isStatus, startRun, waitForEvent } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'

const LONG = { epochs: 1000, trainLimit: 256 }
const PREDICT = `mutation {
  predict(input: { image: { sample: { dataset: "tiny", index: 1 } } }) { __typename ... on Prediction { label } ... on Error { message } }
}`

/** Runs that are interrupted stay so: what becomes of them otherwise is in resume.test.ts. */
const env = { AUTO_RESUME: 'false' }

/** One after the other on one server: what the first test leaves is what the next one starts from. */
let server: TestServer
beforeAll(async () => {
  server = await startServer({ env })
})
afterAll(stopServers)

/** The process that trains a run. */
async function trainerOf(id: string): Promise<number> {
  const { trainingRun } = await server.query('query ($id: ID!) { trainingRun(id: $id) { number } }', { id })
  const line = await server.logged((it) => it.msg === 'trainer started' && it.run === trainingRun.number)
  return line.trainer as number
}

function isGone(pid: number): boolean {
  return !existsSync(`/proc/${pid}`)
}

async function untilGone(pid: number): Promise<void> {
  while (!isGone(pid)) await setTimeout(5)
}

test('a trainer that is killed leaves its run FAILED with the reason, and the next run starts', async () => {
  const id = await startRun(server, LONG)
  const next = await startRun(server)
  await waitForEvent(server, id, (event) => event.__typename === 'LossPoints')
  process.kill(await trainerOf(id), 'SIGKILL')
  const events = await collectEvents(server, id)
  expect(events.at(-1)).toMatchObject({ status: 'FAILED', failure: { code: 'TRAINER_DIED' } })
  expect(events.at(-1).failure.message).toMatch(/SIGKILL/)
  expect((await collectEvents(server, next)).at(-1)).toMatchObject({ status: 'COMPLETED' })
})

test('a predictor that is killed is replaced, and a predict that comes meanwhile is answered', async () => {
  expect((await server.query(PREDICT)).predict.__typename).toBe('Prediction')
  const { predictor } = await server.logged((line) => line.msg === 'predictor is ready')
  process.kill(predictor as number, 'SIGKILL')
  expect((await server.query(PREDICT)).predict.__typename).toBe('Prediction')
})

test('a server that is killed takes its trainer along, and its next start gives every run a true status', async () => {
  const id = await startRun(server, LONG)
  const next = await startRun(server)
  await waitForEvent(server, id, (event) => event.__typename === 'LossPoints')
  const trainer = await trainerOf(id)
  await server.stop('SIGKILL')
  await untilGone(trainer)
  const unfinished = join(server.dataDir, 'artifacts', 'half.safetensors.1.tmp')
  writeFileSync(unfinished, 'what a trainer was writing')

  server = await startServer({ dataDir: server.dataDir, env })
  expect(existsSync(unfinished)).toBe(false)
  const events = await collectEvents(server, id)
  expect(events.at(-1)).toMatchObject({ status: 'FAILED', failure: { code: 'SERVER_STOPPED' } })
  const steps = events.flatMap((event) => event.points ?? []).map((point) => point.step)
  expect(steps).toEqual(steps.map((_, i) => i + 1))
  expect((await collectEvents(server, next)).at(-1)).toMatchObject({ status: 'COMPLETED' })
  const left = await server.query('{ trainingRuns(status: [QUEUED, PREPARING, RUNNING]) { totalCount } }')
  expect(left.trainingRuns.totalCount).toBe(0)
})

test('a server that is asked to stop ends its run truly, tells who watches, and leaves no process', async () => {
  const id = await startRun(server, LONG)
  await waitForEvent(server, id, (event) => event.__typename === 'LossPoints')
  const trainer = await trainerOf(id)
  const watching = waitForEvent(server, id, isStatus('FAILED'))
  await server.stop()
  expect(await watching).toMatchObject({ failure: { code: 'SERVER_STOPPED' } })
  expect(isGone(trainer)).toBe(true)
})
