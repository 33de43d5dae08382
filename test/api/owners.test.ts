import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { changesOwned } from '../../src/schema/builder/rules.ts'
import { schema } from '../../src/schema/index.ts'
import { type GuardedServer, guardedServer } from '../support/guarded.ts'
import { cancelRuns, completeRun, START, TINY } from '../support/runs.ts'
import type { TestServer } from '../support/server.ts'

let server: GuardedServer
let anna: TestServer
let bob: TestServer
/** Of an operator who has a second token. */
let annasLaptop: TestServer
const made = { run: '', version: '', dataset: '' }
beforeAll(async () => {
  server = await guardedServer()
  const token = (name: string, owner = name) => server.token(name, 'OPERATOR', { owner })
  anna = server.as(await token('anna'))
  annasLaptop = server.as(await token('anna-laptop', 'anna'))
  bob = server.as(await token('bob'))
  made.run = await completeRun(anna)
  const { trainingRun } = await anna.query(
    'query ($id: ID!) { trainingRun(id: $id) { owner modelVersions { id owner } } }',
    { id: made.run },
  )
  expect(trainingRun).toEqual({ owner: 'anna', modelVersions: [{ id: expect.any(String), owner: 'anna' }] })
  made.version = trainingRun.modelVersions[0].id
  const { createDataset } = await anna.query(
    `mutation ($input: CreateDatasetInput!) { createDataset(input: $input) { ... on Dataset { name owner } ... on Error { message } } }`,
    { input: { name: 'annas', size: [32, 32], from: { dataset: server.dataset } } },
  )
  expect(createDataset).toEqual({ name: 'annas', owner: 'anna' })
  made.dataset = createDataset.name
  await anna.query(ALIAS(made.version))
})
afterAll(() => cancelRuns(server.as(server.admin)))

const T = '{ __typename ... on Error { message } }'
const ALIAS = (version: string) =>
  `mutation { setModelAlias(input: { versionId: "${version}", name: "annas" }) ${T} }`

/** Each mutation that changes what somebody made, done to what anna made. */
const CHANGES: Readonly<Record<string, () => string>> = {
  cancelDatasetImport: () => `cancelDatasetImport(name: "${made.dataset}") ${T}`,
  cancelTrainingRun: () => `cancelTrainingRun(id: "${made.run}") ${T}`,
  evaluateModel: () => `evaluateModel(id: "${made.version}", limit: 1) ${T}`,
  moveTrainingRun: () => `moveTrainingRun(id: "${made.run}", position: 1) ${T}`,
  pauseTrainingRun: () => `pauseTrainingRun(id: "${made.run}") ${T}`,
  renameTrainingRun: () => `renameTrainingRun(id: "${made.run}", name: "another") ${T}`,
  resumeTrainingRun: () => `resumeTrainingRun(id: "${made.run}") ${T}`,
  retryDatasetImport: () => `retryDatasetImport(name: "${made.dataset}") ${T}`,
  setModelAlias: () => `setModelAlias(input: { versionId: "${made.version}", name: "annas" }) ${T}`,
  updateDataset: () => `updateDataset(input: { name: "${made.dataset}" }) ${T}`,
  updateTrainingRun: () => `updateTrainingRun(id: "${made.run}", input: { epochs: 0 }) ${T}`,
}

describe('what an operator made', () => {
  test('is named for every mutation that changes it', () => {
    const fields = Object.values(schema.getMutationType()!.getFields())
    expect(Object.keys(CHANGES)).toEqual(
      fields
        .filter(changesOwned)
        .map(({ name }) => name)
        .sort(),
    )
  })

  test.each(Object.keys(CHANGES))('is not changed by another one: %s', async (name) => {
    const query = `mutation { ${CHANGES[name]!()} }`
    expect((await bob.execute(query)).errors).toMatchObject([
      {
        message: expect.stringMatching(/ belongs to anna: bob may not change it\. An admin may/),
        extensions: { code: 'FORBIDDEN' },
      },
    ])
    for (const owner of [annasLaptop, server.as(server.admin)]) {
      const { errors } = await owner.execute(query)
      expect(errors).toBeUndefined()
    }
  })

  test('is fetched by whoever has a signed link to it, and by nobody else without a token', async () => {
    const { node } = await bob.query(
      `{ node(id: "${made.version}") { ... on ModelVersion { bytes downloads { safetensors { url signedUrl } layersModel { signedUrl } } } } }`,
    )
    const { safetensors, layersModel } = node.downloads
    const get = async (path: string) => fetch(`${server.url}${path}`)
    expect((await get(safetensors.url)).status).toBe(401)
    expect((await (await get(safetensors.signedUrl)).arrayBuffer()).byteLength).toBe(node.bytes)
    const json = (await (await get(layersModel.signedUrl)).json()) as {
      weightsManifest: { paths: string[] }[]
    }
    const part = layersModel.signedUrl.replace('model.json', json.weightsManifest[0]!.paths[0]!)
    expect((await get(part)).status).toBe(200)
    expect((await get(safetensors.signedUrl.replace(/signature=../, 'signature=xx'))).status).toBe(401)
  })

  test('has an alias protected by an admin alone, who moves it as well', async () => {
    const set = (is: boolean) =>
      `mutation { setModelAlias(input: { versionId: "${made.version}", name: "annas", protected: ${is} }) ${T} }`
    expect((await anna.execute(set(true))).errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }])
    const admin = server.as(server.admin)
    expect((await admin.query(set(true))).setModelAlias.__typename).toBe('ModelAlias')
    expect((await anna.execute(set(false))).errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }])
    expect((await admin.query(set(false))).setModelAlias.__typename).toBe('ModelAlias')
  })

  test('goes on by the key that is its owner’s: the same key of another one is another', async () => {
    const input = { ...TINY, dataset: server.dataset, idempotencyKey: 'morning', priority: -1000 }
    const start = async (who: TestServer) => (await who.query(START, { input })).startTrainingRun.id
    const [first, again, other] = [await start(anna), await start(annasLaptop), await start(bob)]
    expect(again).toBe(first)
    expect(other).not.toBe(first)
    // On one run as well: the admin's cancelling is not what anna's key did.
    const pause = `mutation { pauseTrainingRun(id: "${first}", idempotencyKey: "k") { __typename ... on TrainingRun { status } } }`
    const cancel = pause.replace('pauseTrainingRun', 'cancelTrainingRun')
    expect((await anna.query(pause)).pauseTrainingRun).toEqual({
      __typename: 'TrainingRun',
      status: 'PAUSED',
    })
    const admin = server.as(server.admin)
    expect((await admin.query(cancel)).cancelTrainingRun.status).toBe('CANCELLED')
    expect((await anna.query(pause)).pauseTrainingRun.status).toBe('CANCELLED')
    expect((await anna.query(cancel)).cancelTrainingRun.__typename).toBe('ConflictError')
  })
})
