import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { completeRun, START, TINY } from '../../support/runs.ts'
import { sharedServer, stopServers, type TestServer } from '../../support/server.ts'
import { sendFiles } from '../../support/upload.ts'
import { decodeSafetensors, encodeSafetensors } from '../../support/weights.ts'

const RUN = `query Run($id: ID!) {
  trainingRun(id: $id) {
    parent { id }
    progress { phases { frozenLayers } }
    transfer { digest head frozenLayers newLayers headLayers headLearningRate }
    modelVersions { id digest }
    losses { learningRate }
  }
  runLog(id: $id) { lines { text } }
}`
const COMPARE = `query Compare($ids: [ID!]!) {
  compareTrainingRuns(ids: $ids) { ... on RunComparison { differences { path values } } ... on Error { message } }
}`
const IMPORT = `mutation Import($input: ImportModelInput!) {
  importModel(input: $input) { ... on ModelVersion { id } ... on Error { message } }
}`
/** Without augmentation, and with weight decay, which would change any weight. */
const PLAIN = {
  augmentation: { horizontalFlip: false },
  optimizer: { sgd: { momentum: 0.9, weightDecay: 0.01 } },
  learningRate: 0.02,
  schedule: { constant: true },
}

let server: TestServer
let parent: string
let from: { id: string; digest: string }
beforeAll(async () => {
  server = await sharedServer()
  parent = await completeRun(server, { seed: 31 })
  from = (await runOf(parent)).trainingRun.modelVersions[0]
})
afterAll(stopServers)

const runOf = (id: string) => server.query(RUN, { id })
const start = async (transfer: object, more: object = {}) =>
  (await server.query(START, { input: { ...TINY, dataset: server.dataset, transfer, ...more } }))
    .startTrainingRun
const fileOf = (digest: string) => join(server.dataDir, 'artifacts', `${digest}.safetensors`)
const tensorsOf = (digest: string) =>
  new Map(decodeSafetensors(readFileSync(fileOf(digest))).tensors.map(({ name, data }) => [name, data]))

const shapeOf = (name: string) =>
  decodeSafetensors(readFileSync(fileOf(from.digest))).tensors.find((tensor) => tensor.name === name)!.shape

/** A version with the parent's weights, but for tensors of these shapes, for pictures of this size. */
async function importChanged(size: [number, number], shapes: Record<string, number[]>): Promise<string> {
  const { tensors } = decodeSafetensors(readFileSync(fileOf(from.digest)))
  const changed = tensors.map((tensor) => {
    const shape = shapes[tensor.name]
    if (shape === undefined) return tensor
    return { ...tensor, shape, data: new Float32Array(shape.reduce((product, length) => product * length)) }
  })
  const labels = Array.from({ length: 7 }, (_, i) => `class ${i}`)
  const input = {
    name: 'other',
    architecture: 'vgg_mini',
    weights: { safetensors: null },
    preprocessing: { size, mean: [0.3, 0.3, 0.3], std: [0.2, 0.2, 0.2], labels },
  }
  const file = { name: 'weights.safetensors', bytes: encodeSafetensors(changed) }
  const { body } = await sendFiles(server, IMPORT, { input }, { 'input.weights.safetensors': file })
  expect(body.data.importModel).toEqual({ id: expect.any(String) })
  return body.data.importModel.id
}

test('frozen features stay bit for bit, what they make of the pictures is computed once, and the head is new', async () => {
  const transfer = { from: from.id, freeze: { part: 'FEATURES' }, head: 'NEW', headLearningRate: 0.1 }
  const id = await completeRun(server, { ...PLAIN, epochs: 2, transfer })
  const { trainingRun: run, runLog } = await runOf(id)
  const features = [...tensorsOf(from.digest).keys()].filter((name) => name.startsWith('features.'))
  expect(run).toMatchObject({
    parent: { id: parent },
    transfer: { digest: from.digest, head: 'NEW', newLayers: ['classifier.2'], headLearningRate: 0.1 },
  })
  expect(new Set(run.transfer.frozenLayers)).toEqual(
    new Set(features.map((name) => name.split('.').slice(0, 2).join('.'))),
  )
  const [before, after] = [tensorsOf(from.digest), tensorsOf(run.modelVersions[0].digest)]
  for (const [name, values] of after) {
    // The counts of batches of batch norms are among them.
    if (name.startsWith('features.')) expect(values, name).toEqual(before.get(name))
    else expect(values, name).not.toEqual(before.get(name))
  }
  expect(run.losses[0].learningRate).toBe(0.02)
  expect(run.progress.phases.frozenLayers).toBeGreaterThan(0)
  const said = runLog.lines.map(({ text }: { text: string }) => text)
  expect(said).toContainEqual(expect.stringMatching(/frozen layers make of 96 pictures is computed once/))
  // Nobody needs it any more.
  expect(existsSync(join(server.dataDir, 'artifacts', `${from.digest}.derived`))).toBe(false)

  // A fork goes on with all of it, unless it is told otherwise.
  const forks = []
  for (const told of [{}, {}, { freeze: { part: 'NONE' }, headLearningRate: null }]) {
    const fork = await completeRun(server, { ...PLAIN, transfer: { from: run.modelVersions[0].id, ...told } })
    forks.push((await runOf(fork)).trainingRun)
  }
  const [kept, again, free] = forks
  expect(kept.transfer).toMatchObject({
    ...{ head: 'KEEP', newLayers: [], headLayers: ['classifier.2'], headLearningRate: 0.1 },
    frozenLayers: run.transfer.frozenLayers,
  })
  expect(again.modelVersions[0].digest).toBe(kept.modelVersions[0].digest)
  const ofFork = tensorsOf(kept.modelVersions[0].digest)
  for (const [name, values] of after) {
    if (name.startsWith('features.')) expect(ofFork.get(name), name).toEqual(values)
  }
  expect(free.transfer).toMatchObject({ head: 'KEEP', frozenLayers: [], headLearningRate: null })
  expect(free.modelVersions[0].digest).not.toBe(kept.modelVersions[0].digest)

  const same = await completeRun(server, {
    ...PLAIN,
    epochs: 2,
    transfer: { ...transfer, headLearningRate: 0.02 },
  })
  const { compareTrainingRuns } = await server.query(COMPARE, { ids: [id, same] })
  expect(compareTrainingRuns.differences).toEqual([
    { path: 'transfer.headLearningRate', values: ['0.1', '0.02'] },
  ])
})

test('weights of other classes and other pictures give what fits: the features, and the hidden layers of the classifier', async () => {
  const [hidden, inputs] = shapeOf('classifier.0.weight')
  const ofSeven = { 'classifier.2.weight': [7, hidden!], 'classifier.2.bias': [7] }
  const classes = await importChanged([16, 24], ofSeven)
  // 16 x 24 pixels end as 2 x 3 cells, 32 x 32 as 4 x 4.
  const larger = await importChanged([32, 32], {
    ...ofSeven,
    'classifier.0.weight': [hidden!, (inputs! / 6) * 16],
  })
  for (const [id, newLayers] of [
    [classes, ['classifier.2']],
    [larger, ['classifier.0', 'classifier.2']],
  ] as const) {
    // A new head is what is taken where nothing is said.
    const run = (await runOf(await completeRun(server, { ...PLAIN, transfer: { from: id } }))).trainingRun
    expect(run.transfer).toMatchObject({ head: 'NEW', newLayers, frozenLayers: [], headLearningRate: null })
    const kept = await start({ from: id, head: 'KEEP' })
    expect(kept.issues).toEqual([
      { path: ['transfer', 'from'], message: expect.stringMatching(/7 classes .*head: NEW/) },
    ])
  }
  const { issues } = await start({ from: larger, freeze: { upTo: 'classifier.0' } })
  expect(issues).toEqual([
    { path: ['transfer', 'freeze', 'upTo'], message: expect.stringContaining('classifier.0 is drawn anew') },
  ])
})

test.each([
  ['a layer that is not there', { freeze: { upTo: 'features.99' } }, ['freeze', 'upTo'], 'There is no layer'],
  ['the last layer', { freeze: { upTo: 'classifier.2' } }, ['freeze', 'upTo'], 'at most'],
  ['what is behind it', { freeze: { upTo: 'softmax' } }, ['freeze', 'upTo'], 'at most'],
  ['a rate of a head that is kept', { headLearningRate: 0.1 }, ['headLearningRate'], 'of a new head'],
  ['a rate of zero', { head: 'NEW', headLearningRate: 0 }, ['headLearningRate'], 'Above 0'],
  ['a rate that is too high', { head: 'NEW', headLearningRate: 11 }, ['headLearningRate'], 'at most 10'],
])('%s is refused with its place', async (_, transfer, path, message) => {
  const { issues } = await start({ from: from.id, ...transfer })
  expect(issues).toEqual([{ path: ['transfer', ...path], message: expect.stringContaining(message) }])
})

test('weights of a network with other features are refused', async () => {
  const { issues } = await start({ from: from.id }, { architecture: 'lecture_custom' })
  expect(issues).toEqual([
    { path: ['transfer', 'from'], message: expect.stringContaining('These are weights of vgg_mini') },
  ])
})

test('a plan counts what is trained, and needs less for what is frozen', async () => {
  const { architecture } = await server.query(
    `query ($layer: FreezeInput!, $none: FreezeInput!) { architecture(name: "vgg16") {
      all: plan { ...Facts }
      last: plan(freeze: $layer, augmented: false) { ...Facts }
      wrong: plan(freeze: $none) { ... on ValidationError { issues { path } } }
    } }
    fragment Facts on ArchitecturePlan { trainableParameters trainingMemoryBytes secondsPerEpoch }`,
    { layer: { upTo: 'classifier.5' }, none: { upTo: 'features.99' } },
  )
  const { all, last, wrong } = architecture
  // For the ten classes of CIFAR-10.
  expect(last.trainableParameters).toBe(4097 * 10)
  expect(all.trainableParameters).toBe(138_357_544 - 990 * 4097)
  // Their gradients, and the velocities of these.
  expect(all.trainingMemoryBytes - last.trainingMemoryBytes).toBeGreaterThan(8 * 130_000_000)
  expect(last.secondsPerEpoch).toBeLessThan(all.secondsPerEpoch / 20)
  expect(wrong.issues).toEqual([{ path: ['freeze', 'upTo'] }])
})
