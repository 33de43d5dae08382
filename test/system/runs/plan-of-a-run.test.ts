import { afterAll, beforeAll, expect, test } from 'vitest'
import { completeRun } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'

const CREATE = `mutation ($input: ArchitectureInput!) { createArchitecture(input: $input) { __typename } }`
const PLAN_OF = `query Plan($name: String!, $batchSize: Int! = 128) {
  architecture(name: $name) { plan(batchSize: $batchSize) {
    ... on ArchitecturePlan { engine trainingMemoryBytes fits secondsPerEpoch }
  } }
}`
/** Of all images and labels. */
const CIFAR10_BYTES = 60_000 * (32 * 32 * 3 + 2)
const SMALL = { name: 'small', features: '8,M,16x1:lrn,M', batchNorm: true, head: { flat: { hidden: [12] } } }

let server: TestServer
let runId: string
let before: { secondsPerEpoch: number }
beforeAll(async () => {
  server = await startServer({ dataset: 'cifar10' })
  await server.query(CREATE, { input: SMALL })
  before = (await server.query(PLAN_OF, { name: 'small', batchSize: 16 })).architecture.plan
  runId = await completeRun(server, { architecture: 'small', trainLimit: 2000, testLimit: 500 })
})
afterAll(stopServers)

test('a network is planned by a trial, then by what its run has shown: its speed, and its memory within 25 %', async () => {
  expect(before.secondsPerEpoch).toBeGreaterThan(0)
  const { trainingRun } = await server.query(
    'query ($id: ID!) { trainingRun(id: $id) { progress { peakMemoryBytes imagesPerSecond } } }',
    { id: runId },
  )
  const { peakMemoryBytes, imagesPerSecond } = trainingRun.progress
  const { plan } = (await server.query(PLAN_OF, { name: 'small', batchSize: 16 })).architecture
  expect(plan).toMatchObject({ engine: await server.engineKind(), fits: true })
  expect(plan.secondsPerEpoch).toBeCloseTo((50_000 + 10_000 / 3) / imagesPerSecond, 3)
  // The run has read a few images; those of a whole one stay in memory.
  const planned = plan.trainingMemoryBytes - CIFAR10_BYTES
  expect(planned / peakMemoryBytes).toBeGreaterThan(0.75)
  expect(planned / peakMemoryBytes).toBeLessThan(1.25)
})
