import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PREDICT, REGISTER, SET_ALIAS } from '../../support/models.ts'
import { collectEvents, completeRun, isStatus, startRun, waitForEvent } from '../../support/runs.ts'
import { sharedServer, stopServers, type TestServer } from '../../support/server.ts'
import { untilSubscriptions } from '../../support/streams.ts'

const DELETE_ALIAS = `mutation Delete($input: ModelAliasInput!) {
  deleteModelAlias(input: $input) { __typename ... on ModelAlias { name } ... on Error { message } }
}`
const DELETE_VERSION = `mutation Delete($id: ID!) {
  deleteModelVersion(id: $id) { __typename ... on ModelVersion { version digest } ... on Error { message } }
}`
const DELETE_RUN = `mutation Delete($id: ID!) {
  deleteTrainingRun(id: $id) { __typename ... on TrainingRun { status } ... on Error { message } }
}`
const IMAGE = { sample: { dataset: 'tiny', split: 'TEST', index: 5 } }

let server: TestServer
let first: string
let second: string
beforeAll(async () => {
  server = await sharedServer()
  first = await completeRun(server, { seed: 1 })
  second = await completeRun(server, { seed: 2 })
})
afterAll(stopServers)

async function register(name: string, weights: object) {
  const { registerModel } = await server.query(REGISTER, { input: { name, weights } })
  return registerModel
}
const setAlias = async (input: object) => (await server.query(SET_ALIAS, { input })).setModelAlias
const predict = async (model: object) =>
  (await server.query(PREDICT, { input: { image: IMAGE, model } })).predict
const files = () => readdirSync(join(server.dataDir, 'artifacts')).sort()
const fileOf = (digest: string) => join(server.dataDir, 'artifacts', `${digest}.safetensors`)

describe('registering', () => {
  test('a completed run under a name counts its versions up, and leads back to run and checkpoint', async () => {
    const one = await register('pets', { runId: first })
    const two = await register('pets', { runId: second })
    expect(one).toMatchObject({
      version: 1,
      origin: 'TRAINED',
      model: { name: 'pets' },
      run: { id: first },
      checkpoint: { step: 4 },
    })
    expect(two).toMatchObject({ version: 2, run: { id: second } })
    expect(one.digest).not.toBe(two.digest)
    const { model } = await server.query(
      '{ model(name: "pets") { name versions { totalCount edges { node { version } } } } }',
    )
    expect(model.versions).toEqual({
      totalCount: 2,
      edges: [{ node: { version: 2 } }, { node: { version: 1 } }],
    })
  })

  test('refuses a run that is not COMPLETED, a run and a checkpoint that do not exist, and a blank name', async () => {
    const id = await startRun(server, { epochs: 1000 })
    expect(await register('pets', { runId: id })).toMatchObject({
      __typename: 'ConflictError',
      message: expect.stringMatching(/only a COMPLETED run/),
    })
    await server.query(`mutation { cancelTrainingRun(id: "${id}") { __typename } }`)
    const globalId = (type: string) =>
      Buffer.from(`${type}:00000000-0000-7000-8000-000000000000`).toString('base64')
    expect(await register('pets', { runId: globalId('TrainingRun') })).toMatchObject({
      __typename: 'NotFoundError',
    })
    expect(await register('pets', { checkpointId: globalId('Checkpoint') })).toMatchObject({
      __typename: 'NotFoundError',
    })
    expect(await register(' ', { runId: first })).toMatchObject({ __typename: 'ValidationError' })
  })

  test('one query leads from a prediction to version, checkpoint, run, data set, architecture and seed', async () => {
    const { predict: stored } = await server.query(
      `mutation Predict($input: PredictInput!) { predict(input: $input) { ... on Prediction { id } } }`,
      { input: { image: IMAGE, model: { runId: first } } },
    )
    const { node } = await server.query(
      `query ($id: ID!) { node(id: $id) { ... on Prediction { modelVersion { version model { name } checkpoint {
        step epoch digest run { id seed datasetDigest dataset { digest } architecture { name } } } } } } }`,
      { id: stored.id },
    )
    const { run } = node.modelVersion.checkpoint
    expect(run).toMatchObject({ id: first, seed: 1, architecture: { name: 'vgg_mini' } })
    expect(run.datasetDigest).toMatch(/^[0-9a-f]{64}$/)
    expect(run.datasetDigest).toBe(run.dataset.digest)
  })
})

describe('a model', () => {
  test('that changes is told of, whatever changed', async () => {
    const changes = server.subscribe(
      'subscription { modelsChanged { name aliases { name } versions(first: 1) { totalCount edges { node { version evaluation { count } } } } } }',
    )
    let asked = changes.next()
    await untilSubscriptions(server, 1)
    const told = async () => {
      const { name, aliases, versions } = (await asked).value.data.modelsChanged
      asked = changes.next()
      const { version, evaluation } = versions.edges[0].node
      return [
        name,
        versions.totalCount,
        version,
        evaluation?.count,
        ...aliases.map(({ name }: { name: string }) => name),
      ]
    }
    const one = await register('watched', { runId: first })
    expect(await told()).toEqual(['watched', 1, 1, 32])
    await server.query('mutation ($id: ID!) { evaluateModel(id: $id, limit: 8) { __typename } }', {
      id: one.id,
    })
    expect(await told()).toEqual(['watched', 1, 1, 8])
    await setAlias({ versionId: one.id, name: 'champion' })
    expect(await told()).toEqual(['watched', 1, 1, 8, 'champion'])
    await server.query(DELETE_ALIAS, { input: { model: 'watched', name: 'champion' } })
    expect(await told()).toEqual(['watched', 1, 1, 8])
    const two = await register('watched', { runId: second })
    expect(await told()).toEqual(['watched', 2, 2, 32])
    await server.query(DELETE_VERSION, { id: two.id })
    expect(await told()).toEqual(['watched', 1, 1, 8])
    await completeRun(server, { seed: 97 })
    expect((await told())[0]).toBe('vgg_mini')
    await changes.return?.()
  })

  test('has each version under its number', async () => {
    const { id } = await register('numbered', { runId: first })
    const { model } = await server.query(
      '{ model(name: "numbered") { one: version(number: 1) { id } two: version(number: 2) { id } } }',
    )
    expect(model).toEqual({ one: { id }, two: null })
  })
})

describe('an alias', () => {
  let versions: { id: string }[]
  beforeAll(async () => {
    versions = [await register('served', { runId: first }), await register('served', { runId: second })]
  })

  test('names one version at a time, moves, and says so to who listens', async () => {
    const moved = server.subscribe('subscription { aliasMoved { name version { id } } }')
    const next = moved.next()
    for (let open = 0; open === 0; ) {
      open = (await server.query('{ system { openSubscriptions } }')).system.openSubscriptions
    }
    expect(await setAlias({ versionId: versions[0].id, name: 'champion' })).toMatchObject({
      name: 'champion',
      protected: false,
      version: { id: versions[0].id },
      model: { name: 'served' },
    })
    expect(await predict({ alias: { model: 'served', name: 'champion' } })).toMatchObject({
      modelVersion: { id: versions[0].id },
    })
    expect(await setAlias({ versionId: versions[1].id, name: 'champion' })).toMatchObject({
      version: { id: versions[1].id },
    })
    expect(await predict({ alias: { model: 'served', name: 'champion' } })).toMatchObject({
      modelVersion: { id: versions[1].id },
    })
    expect((await next).value.data.aliasMoved.name).toBe('champion')
    await moved.return?.()
    const { model } = await server.query('{ model(name: "served") { aliases { name version { version } } } }')
    expect(model.aliases).toEqual([{ name: 'champion', version: { version: 2 } }])
  })

  test('that is protected stays until it is unprotected', async () => {
    await setAlias({ versionId: versions[0].id, name: 'stable', protected: true })
    expect(await setAlias({ versionId: versions[1].id, name: 'stable' })).toMatchObject({
      __typename: 'ConflictError',
      message: expect.stringMatching(/protected: false/),
    })
    const input = { model: 'served', name: 'stable' }
    expect((await server.query(DELETE_ALIAS, { input })).deleteModelAlias.__typename).toBe('ConflictError')
    expect(await setAlias({ versionId: versions[0].id, name: 'stable' })).toMatchObject({ protected: true })
    expect(await setAlias({ versionId: versions[1].id, name: 'stable', protected: false })).toMatchObject({
      protected: false,
      version: { id: versions[1].id },
    })
    expect((await server.query(DELETE_ALIAS, { input })).deleteModelAlias).toMatchObject({ name: 'stable' })
    expect((await server.query(DELETE_ALIAS, { input })).deleteModelAlias.__typename).toBe('NotFoundError')
    expect((await predict({ alias: input })).message).toMatch(/no alias "stable" of a model "served"/)
  })

  test('with a name that nobody could type is refused', async () => {
    for (const name of ['', ' champion', 'a/b', 'x'.repeat(65), 'tab\t']) {
      expect(await setAlias({ versionId: versions[0].id, name })).toMatchObject({
        __typename: 'ValidationError',
        issues: [{ path: ['name'] }],
      })
    }
  })
})

describe('deleting', () => {
  test('a version that an alias names is refused, and its files stay', async () => {
    const version = await register('held', { runId: first })
    await setAlias({ versionId: version.id, name: 'champion' })
    const { deleteModelVersion } = await server.query(DELETE_VERSION, { id: version.id })
    expect(deleteModelVersion).toMatchObject({
      __typename: 'ConflictError',
      message: expect.stringMatching(/champion/),
    })
    expect(existsSync(fileOf(version.digest))).toBe(true)
  })

  test('versions and the run takes the file along with the last one that names it', async () => {
    const run = await completeRun(server, { seed: 3 })
    const { trainingRun } = await server.query(
      `{ trainingRun(id: "${run}") { modelVersions { id digest } } }`,
    )
    const [made] = trainingRun.modelVersions
    const other = await register('copy', { runId: run })
    expect(other.digest).toBe(made.digest)

    const deleted = await server.query(DELETE_VERSION, { id: made.id })
    expect(deleted.deleteModelVersion).toMatchObject({ __typename: 'ModelVersion', digest: made.digest })
    expect((await server.query(DELETE_VERSION, { id: made.id })).deleteModelVersion.__typename).toBe(
      'NotFoundError',
    )
    const { deleteTrainingRun } = await server.query(DELETE_RUN, { id: run })
    expect(deleteTrainingRun).toMatchObject({ __typename: 'TrainingRun', status: 'COMPLETED' })
    expect(existsSync(fileOf(made.digest))).toBe(true)
    expect(await predict({ versionId: other.id })).toMatchObject({ modelVersion: { id: other.id } })

    await server.query(DELETE_VERSION, { id: other.id })
    expect(existsSync(fileOf(made.digest))).toBe(false)
    expect((await predict({ versionId: other.id })).message).toMatch(/no model version/)
  })

  test('gives no version number twice', async () => {
    const one = await register('numbers', { runId: first })
    await server.query(DELETE_VERSION, { id: one.id })
    expect(await register('numbers', { runId: first })).toMatchObject({ version: 2 })
  })

  test('a run that is at work is refused', async () => {
    const id = await startRun(server, { epochs: 1000 })
    await waitForEvent(server, id, isStatus('RUNNING'))
    expect((await server.query(DELETE_RUN, { id })).deleteTrainingRun).toMatchObject({
      __typename: 'ConflictError',
      message: expect.stringMatching(/RUNNING/),
    })
    await server.query(`mutation { cancelTrainingRun(id: "${id}") { __typename } }`)
    expect((await server.query(DELETE_RUN, { id })).deleteTrainingRun).toMatchObject({ status: 'CANCELLED' })
    expect((await server.query(DELETE_RUN, { id })).deleteTrainingRun.__typename).toBe('NotFoundError')
  })
})

describe('checkpoints', () => {
  const CHECKPOINTS = `query ($id: ID!) { trainingRun(id: $id) {
    checkpointPolicy { keepBest keepLatest }
    epochs { epoch testAccuracy }
    checkpoints { id epoch step testAccuracy digest bytes modelVersions { id } } } }`

  test('are saved after every epoch, and only the best and the latest are kept', async () => {
    const before = files()
    const id = await completeRun(server, { epochs: 5, seed: 4 })
    const saved = (await collectEvents(server, id)).filter((it) => it.__typename === 'CheckpointSaved')
    expect(saved.map(({ step }) => step)).toEqual([4, 8, 12, 16, 20])

    const { trainingRun: run } = await server.query(CHECKPOINTS, { id })
    expect(run.checkpointPolicy).toEqual({ keepBest: 1, keepLatest: 1 })
    const accuracies: number[] = run.epochs.map((it: { testAccuracy: number }) => it.testAccuracy)
    // Of equal ones the later.
    const best = accuracies.lastIndexOf(Math.max(...accuracies)) + 1
    const kept: { epoch: number; digest: string }[] = run.checkpoints
    expect(kept.map(({ epoch }) => epoch)).toEqual([...new Set([5, best])])
    const added = files().filter((name) => !before.includes(name))
    expect(added).toEqual(expect.arrayContaining(kept.map(({ digest }) => `${digest}.safetensors`)))
    // And what the run would go on with, from its last step.
    expect(added).toHaveLength(kept.length + 1)
  })

  test('of any epoch can be kept by policy, registered, and predict', async () => {
    const id = await completeRun(server, { epochs: 3, seed: 5, checkpoints: { keepBest: 0, keepLatest: 3 } })
    const { trainingRun: run } = await server.query(CHECKPOINTS, { id })
    expect(run.checkpoints.map((it: { epoch: number }) => it.epoch)).toEqual([3, 2, 1])
    const early = run.checkpoints[2]
    const version = await register('early', { checkpointId: early.id })
    expect(version).toMatchObject({
      digest: early.digest,
      accuracy: early.testAccuracy,
      checkpoint: { id: early.id },
    })
    expect(await predict({ versionId: version.id })).toMatchObject({ modelVersion: { id: version.id } })
  })

  test('policies that would keep nothing or no number at all are refused', async () => {
    const input = { architecture: 'vgg_mini', checkpoints: { keepBest: -1, keepLatest: 0 } }
    const { startTrainingRun } = await server.query(
      `mutation ($input: StartTrainingRunInput!) { startTrainingRun(input: $input) {
        ... on ValidationError { issues { path } } } }`,
      { input },
    )
    expect(startTrainingRun.issues).toEqual([
      { path: ['checkpoints', 'keepBest'] },
      { path: ['checkpoints', 'keepLatest'] },
    ])
  })
})
