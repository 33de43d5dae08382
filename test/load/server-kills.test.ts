import { setTimeout } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import type { RunStatus } from '../../src/runs/model/status.ts'
import { seededRandom } from '../support/random.ts'
import { EVENTS, startRun } from '../support/runs.ts'
import { stopServers, type TestServer } from '../support/server.ts'
import { followThrough, startSurvivor } from '../support/survivor.ts'

const MINUTES = Number(process.env.KILL_MINUTES ?? 5)
/** From one start of the server to its end. */
const [LEAST_MS, MOST_MS] = [2500, 7000]
const SEED = Number(process.env.KILL_SEED ?? 1)

/** Each for more than a minute of training. */
const RUN = {
  epochs: 30,
  trainLimit: 2000,
  testLimit: 500,
  batchSize: 16,
  checkpoints: { everySeconds: 1 },
}

afterAll(stopServers)

const RUNS = `{ trainingRuns(first: 10) { edges { node {
  id number status attempt progress { step steps epoch } finishedAt failure { code } queue { position }
} } } }`

interface Row {
  id: string
  number: number
  status: RunStatus
  progress: { step: number; steps: number }
  finishedAt: string | null
  failure: object | null
  queue: { position: number } | null
}

async function rowsOf(server: TestServer): Promise<Row[]> {
  const { trainingRuns } = await server.query(RUNS)
  return trainingRuns.edges.map(({ node }: { node: Row }) => node).reverse()
}

/** What every moment must show: one run at work at most, those behind it waiting in order, nothing failed. */
function expectTrue(rows: readonly Row[]): void {
  const statuses = rows.map(({ status }) => status)
  const atWork = statuses.filter((status) => status === 'PREPARING' || status === 'RUNNING')
  expect(atWork.length, String(statuses)).toBeLessThanOrEqual(1)
  expect(statuses.join()).toMatch(/^(COMPLETED,?)*((PREPARING|RUNNING),?)?(QUEUED,?)*$/)
  const places = rows.flatMap(({ queue }) => queue?.position ?? [])
  expect(places).toEqual(places.map((_, i) => i + 1))
  for (const { status, finishedAt, failure } of rows) {
    expect(finishedAt !== null).toBe(status === 'COMPLETED')
    expect(failure).toBeNull()
  }
}

test('a server that is killed every few seconds for five minutes finishes the three runs that it was given', {
  timeout: (MINUTES + 60) * 60_000,
}, async () => {
  const survivor = await startSurvivor({ dataset: 'cifar10', env: { MAX_RESTARTS: '20' } })
  const first = await survivor.server()
  const ids = [
    await startRun(first, { ...RUN, seed: 1 }),
    await startRun(first, { ...RUN, seed: 2 }),
    await startRun(first, { ...RUN, seed: 3 }),
  ]
  const following = Promise.all(ids.map((id) => followThrough(survivor, EVENTS, id)))
  const random = seededRandom(SEED)
  const end = performance.now() + MINUTES * 60_000
  let kills = 0
  while (performance.now() < end) {
    await setTimeout(LEAST_MS + random() * (MOST_MS - LEAST_MS))
    expectTrue(await rowsOf(await survivor.server()))
    await survivor.kill()
    kills += 1
  }
  const histories = await following
  const rows = await rowsOf(await survivor.server())
  for (const [i, { status, progress }] of rows.entries()) {
    expect(status).toBe('COMPLETED')
    expect(progress.step).toBe(progress.steps)
    const cursors = histories[i].map(({ cursor }) => cursor)
    expect(new Set(cursors).size).toBe(cursors.length)
  }
  const attempts = histories.map((events) => Math.max(...events.map(({ attempt }) => attempt ?? 0)))
  process.stdout.write(`${kills} kills, ${attempts.join(', ')} attempts\n`)
  expect(kills).toBeGreaterThan(MINUTES * 4)
})
