import { afterAll, beforeAll, expect, test } from 'vitest'
import { completeRun } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'

const CREATE = `mutation ($input: ArchitectureInput!) { createArchitecture(input: $input) { __typename } }`
const PLAN_OF = `query Plan($name: String!, $batchSize: Int! = 128) {
  architecture(name: $name) { plan(batchSize: $batchSize) {
    ... on ArchitecturePlan { engine trainingMemoryBytes fits secondsPerEpoch }
  } }
}`
const BATCH = 256
const SMALL = { name: 'small', features: '8,M,16x1,M', batchNorm: true, head: { flat: { hidden: [12] } } }

let server: TestServer
let runId: string
let before: { secondsPerEpoch: number }
beforeAll(async () => {
  server = await startServer({ dataset: 'cifar10' })
  await server.query(CREATE, { input: SMALL })
  before = (await server.query(PLAN_OF, { name: 'small', batchSize: BATCH })).architecture.plan
  // All images, as what is planned: those that were read stay in memory.
  runId = await completeRun(server, {
    architecture: 'small',
    batchSize: BATCH,
    trainLimit: null,
    logEvery: 50,
  })
})
afterAll(stopServers)

test('a network is planned by a trial, then by what its run has shown: its speed, and its memory within 25 %', async () => {
  expect(before.secondsPerEpoch).toBeGreaterThan(0)
  const { trainingRun } = await server.query(
    'query ($id: ID!) { trainingRun(id: $id) { progress { peakMemoryBytes imagesPerSecond } } }',
    { id: runId },
  )
  const { peakMemoryBytes, imagesPerSecond } = trainingRun.progress
  const { plan } = (await server.query(PLAN_OF, { name: 'small', batchSize: BATCH })).architecture
  expect(plan).toMatchObject({ engine: await server.engineKind(), fits: true })
  expect(plan.secondsPerEpoch).toBeCloseTo((50_000 + 10_000 / 3) / imagesPerSecond, 3)
  expect(plan.trainingMemoryBytes / peakMemoryBytes).toBeGreaterThan(0.75)
  expect(plan.trainingMemoryBytes / peakMemoryBytes).toBeLessThan(1.25)
})
