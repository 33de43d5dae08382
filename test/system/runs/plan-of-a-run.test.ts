import { afterAll, beforeAll, expect, test } from 'vitest'
import { completeRun } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'

const CREATE = `mutation ($input: ArchitectureInput!) { createArchitecture(input: $input) { __typename } }`
const PLAN_OF = `query Plan($dataset: String! = "cifar10", $freeze: FreezeInput, $augmented: Boolean! = true) {
  architecture(name: "small") { plan(batchSize: 16, dataset: $dataset, freeze: $freeze, augmented: $augmented) {
    ... on ArchitecturePlan { engine trainingMemoryBytes fits secondsPerEpoch frozenResults { bytes seconds } }
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
  before = await planOf()
  runId = await completeRun(server, { architecture: 'small', trainLimit: 2000, testLimit: 500 })
})
afterAll(stopServers)

async function planOf(variables: Record<string, unknown> = {}) {
  return (await server.query(PLAN_OF, variables)).architecture.plan
}

async function shownBy(id: string) {
  const { trainingRun } = await server.query(
    `query ($id: ID!) { trainingRun(id: $id) {
      progress { peakMemoryBytes imagesPerSecond } modelVersions { id }
    } }`,
    { id },
  )
  return { ...trainingRun.progress, versionId: trainingRun.modelVersions[0]?.id }
}

test('a network is planned by a trial, then by what its run has shown: its speed, and its memory within 25 %', async () => {
  expect(before.secondsPerEpoch).toBeGreaterThan(0)
  const { peakMemoryBytes, imagesPerSecond } = await shownBy(runId)
  const plan = await planOf()
  expect(plan).toMatchObject({ engine: await server.engineKind(), fits: true, frozenResults: null })
  expect(plan.secondsPerEpoch).toBeCloseTo((50_000 + 10_000 / 3) / imagesPerSecond, 3)
  // The run has read a few images; those of a whole one stay in memory.
  const planned = plan.trainingMemoryBytes - CIFAR10_BYTES
  expect(planned / peakMemoryBytes).toBeGreaterThan(0.75)
  expect(planned / peakMemoryBytes).toBeLessThan(1.25)
})

test("so is one on a person's own data set, with frozen layers and what is kept of them", async () => {
  const { createDataset } = await server.query(
    `mutation { createDataset(input: {
      name: "larger", from: { dataset: "cifar10" }, size: [64, 64], edits: { mostOfClass: 40 }
    }) { ... on Dataset { reference } ... on Error { message } } }`,
  )
  const events = server.subscribe(
    'subscription ($name: String!) { datasetChanged(name: $name) { state trainCount testCount } }',
    { name: createDataset.reference },
  )
  let counts = { trainCount: 0, testCount: 0 }
  for await (const { data } of events) {
    counts = data.datasetChanged
    if (data.datasetChanged.state !== 'IMPORTING') break
  }
  expect(counts).toMatchObject({ state: 'READY', trainCount: 400, testCount: 400 })

  const { versionId } = await shownBy(runId)
  const id = await completeRun(server, {
    ...{ architecture: 'small', dataset: 'larger', trainLimit: undefined, testLimit: undefined },
    transfer: { from: versionId, freeze: { part: 'FEATURES' }, head: 'NEW' },
    augmentation: { horizontalFlip: false },
  })
  const { peakMemoryBytes, imagesPerSecond } = await shownBy(id)
  const plan = await planOf({ dataset: 'larger', freeze: { part: 'FEATURES' }, augmented: false })
  expect(plan.trainingMemoryBytes / peakMemoryBytes).toBeGreaterThan(0.75)
  expect(plan.trainingMemoryBytes / peakMemoryBytes).toBeLessThan(1.25)
  // All layers that are left are trained: an evaluation is a third of that.
  expect(plan.secondsPerEpoch).toBeCloseTo((400 + 400 / 3) / imagesPerSecond, 3)
  expect(plan.frozenResults.seconds).toBeGreaterThan(0)
  // Two pools leave 16x16 of 64x64, with 16 channels.
  expect(plan.frozenResults.bytes).toBe(800 * (4 + 4 * 16 * 16 * 16))
})
