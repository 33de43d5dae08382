import { afterAll, beforeAll, expect, test } from 'vitest'
import { completeRun, startRun } from '../support/runs.ts'
import { sharedServer, stopServers, type TestServer } from '../support/server.ts'

const FIELDS = `status startedAt finishedAt progress {
  step memoryBytes peakMemoryBytes
  phases { frozenLayers data forwardBackward optimizer evaluation saving }
}`
const RUN = `query ($id: ID!) { trainingRun(id: $id) { ${FIELDS} } }`
const CANCEL = 'mutation ($id: ID!) { cancelTrainingRun(id: $id) { __typename } }'

let server: TestServer
beforeAll(async () => {
  server = await sharedServer()
})
afterAll(stopServers)

test('a run tells what its time was spent on, all of it within the time that it took', async () => {
  const id = await completeRun(server, { epochs: 2 })
  const { trainingRun: run } = await server.query(RUN, { id })
  const phases: Record<string, number> = run.progress.phases
  const { frozenLayers, ...others } = phases
  expect(frozenLayers).toBe(0)
  for (const seconds of Object.values(others)) expect(seconds).toBeGreaterThan(0)
  const spent = Object.values(phases).reduce((sum, seconds) => sum + seconds, 0)
  const took = (Date.parse(run.finishedAt) - Date.parse(run.startedAt)) / 1000
  expect(spent).toBeGreaterThan(took / 4)
  // Messages to the server are under way for some milliseconds.
  expect(spent).toBeLessThan(took + 0.5)
  expect(phases.forwardBackward).toBeGreaterThan(phases.data)
})

test('the memory of a run is told while it is at work, and not when it is over', async () => {
  const changes = server.subscribe(
    `subscription { trainingRunsChanged { ... on TrainingRun { id ${FIELDS} } } }`,
  )
  const first = changes.next()
  const id = await startRun(server, { epochs: 1000 })
  for (let result = await first; !result.done; result = await changes.next()) {
    const run = result.value.data.trainingRunsChanged
    if (run.id !== id || run.progress.step === 0) continue
    const { memoryBytes, peakMemoryBytes } = run.progress
    expect(memoryBytes).toBeGreaterThan(50e6)
    expect(memoryBytes).toBeLessThanOrEqual(peakMemoryBytes)
    break
  }
  await changes.return?.()
  await server.query(CANCEL, { id })
  const { progress } = (await server.query(RUN, { id })).trainingRun
  expect(progress).toMatchObject({ memoryBytes: null, peakMemoryBytes: expect.any(Number) })
})
