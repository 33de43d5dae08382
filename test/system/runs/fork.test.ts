import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  CONTROL,
  collectEvents,
  completeRun,
  isStatus,
  START,
  startRun,
  TINY,
  waitForEvent,
} from '../../support/runs.ts'
import { sharedServer, stopServers, type TestServer } from '../../support/server.ts'
import { batchesTracked } from '../../support/weights.ts'

let server: TestServer
let parent: string
beforeAll(async () => {
  server = await sharedServer()
  parent = await completeRun(server, { epochs: 3, seed: 21, checkpoints: { keepLatest: 3 } })
})
afterAll(stopServers)

const RUN = `query Run($id: ID!) {
  trainingRun(id: $id) {
    number status parentStep parent { id number } forks { id }
    checkpoints { id step digest }
    modelVersions { id digest }
    losses { step loss }
  }
}`
const runOf = async (id: string) => (await server.query(RUN, { id })).trainingRun
const refusal = async (input: object) => {
  const { startTrainingRun } = await server.query(START, { input: { ...TINY, dataset: 'tiny', ...input } })
  return startTrainingRun
}

test('a run begins with the weights of any checkpoint of another, and both tell of it', async () => {
  const { checkpoints, losses } = await runOf(parent)
  const middle = checkpoints.find(({ step }: { step: number }) => step === 8)
  // Without momentum, at a rate of almost nothing, the weights stay what they began with.
  const still = { optimizer: { sgd: { momentum: 0 } }, learningRate: 1e-12, schedule: { constant: true } }
  const fork = await completeRun(server, { ...still, seed: 21, transfer: { from: middle.id } })
  const run = await runOf(fork)
  expect(run).toMatchObject({ parent: { id: parent }, parentStep: 8 })
  expect((await runOf(parent)).forks).toEqual([{ id: fork }])
  // Of the same seed, so of the same pictures.
  expect(run.losses[0].loss).toBeLessThan(losses[0].loss)
})

test('the batches that batch norms have seen are in every checkpoint, and counted on by a fork', async () => {
  const { checkpoints, modelVersions } = await runOf(parent)
  expect(new Set(batchesTracked(server, modelVersions[0].digest))).toEqual(new Set([12n]))
  const middle = checkpoints.find(({ step }: { step: number }) => step === 8)
  expect(new Set(batchesTracked(server, middle.digest))).toEqual(new Set([8n]))
  const fork = await runOf(await completeRun(server, { transfer: { from: middle.id } }))
  expect(new Set(batchesTracked(server, fork.modelVersions[0].digest))).toEqual(new Set([8n + 4n]))
})

test('a fork of a model version goes on from that, also after its run was deleted while it waited', async () => {
  const doomed = await completeRun(server, { seed: 22 })
  const { number, modelVersions } = await runOf(doomed)
  const blocker = await startRun(server, { epochs: 1000, trainLimit: 256 })
  await waitForEvent(server, blocker, isStatus('RUNNING'))
  const fork = await startRun(server, { transfer: { from: modelVersions[0].id } })
  expect((await runOf(fork)).parent).toEqual({ id: doomed, number })
  for (const [mutation, id] of [
    ['deleteTrainingRun', doomed],
    ['deleteModelVersion', modelVersions[0].id],
  ]) {
    const result = await server.query(`mutation ($id: ID!) { ${mutation}(id: $id) { __typename } }`, { id })
    expect(result[mutation].__typename).not.toMatch(/Error/)
  }
  await server.query(CONTROL('cancel'), { id: blocker })
  expect((await collectEvents(server, fork)).at(-1)).toMatchObject({ status: 'COMPLETED' })
  expect(await runOf(fork)).toMatchObject({ parent: null, parentStep: 4 })
})

test('weights that are not there are refused with the place in the input, and a key knows what they were for', async () => {
  const { checkpoints } = await runOf(parent)
  const transfer = { from: checkpoints[0].id }
  const nothing = Buffer.from('Checkpoint:nothing').toString('base64')
  expect((await refusal({ transfer: { from: nothing } })).issues).toMatchObject([
    { path: ['transfer', 'from'] },
  ])
  const key = 'a fork'
  const first = await refusal({ transfer, idempotencyKey: key })
  const again = await refusal({ transfer: { ...transfer, head: 'KEEP' }, idempotencyKey: key })
  expect(again.id).toBe(first.id)
  for (const other of [
    undefined,
    { ...transfer, freeze: { part: 'FEATURES' } },
    { ...transfer, head: 'NEW' },
  ]) {
    const refused = await refusal({ transfer: other, idempotencyKey: key })
    expect(refused.__typename).toBe('ConflictError')
  }
})
