import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { PrismaClient } from '../../src/db/generated/client.ts'
import { UnusableModelError } from '../../src/predictor/errors.ts'
import type { ModelRef } from '../../src/predictor/protocol.ts'
import { RUN_ROW, useDatabase } from '../support/database.ts'
import { type InProcess, openInProcess, outcomeOf, VERSION_ROW } from '../support/in-process.ts'

const db = useDatabase()
const global = (type: string, id: string) => Buffer.from(`${type}:${id}`).toString('base64')

let api: InProcess
/** Uses of the database's tables, by their names. */
let asked: string[] = []
/** Weights that were loaded, by their digests. */
let warmed: string[] = []
let loaded = async (_model: ModelRef) => {}
let modelId: string
let versions: string[]

beforeAll(async () => {
  const counted = new Proxy(db.prisma, {
    get(client, table: keyof PrismaClient) {
      if (!String(table).startsWith('$')) asked.push(String(table))
      return client[table]
    },
  })
  api = await openInProcess(counted, db.folder, {
    predict: async ({ model }) => outcomeOf(model.digest),
    async warm(model) {
      await loaded(model)
      warmed.push(model.digest)
    },
    isLoaded: (digest) => warmed.includes(digest),
  })
  modelId = (await db.prisma.model.create({ data: { name: 'served' } })).id
  const run = await db.prisma.trainingRun.create({ data: { ...RUN_ROW, status: 'COMPLETED' } })
  versions = []
  for (let version = 1; version <= 3; version++) {
    const digest = `${version}`.repeat(64)
    const { id } = await db.prisma.modelVersion.create({
      data: { ...VERSION_ROW, modelId, version, digest, runId: run.id },
    })
    versions.push(id)
  }
})

beforeEach(() => {
  asked = []
  warmed = []
  loaded = async () => {}
})

const SET_ALIAS = `mutation ($id: ID!) {
  setModelAlias(input: { versionId: $id, name: "champion" }) { __typename ... on Error { message } }
}`
const setAlias = (version: number) =>
  api.query(SET_ALIAS, { id: global('ModelVersion', versions[version - 1]!) })
const CHAMPION = { alias: { model: 'served', name: 'champion' } }
const PREDICT = `query ($model: ModelRefInput) {
  predict(input: { image: { base64: "AAAA" }, model: $model }) {
    __typename ... on Prediction { label probabilities { label } modelVersion { version loaded } }
  }
}`
const predict = async (model: object | null) => (await api.query(PREDICT, { model })).predict

describe('a prediction', () => {
  test('asks the database once for a version, however it is named, and not again before a model changes', async () => {
    await setAlias(1)
    const byId = { versionId: global('ModelVersion', versions[1]!) }
    for (const [model, version] of [
      [CHAMPION, 1],
      [byId, 2],
      [null, 3],
    ] as const) {
      asked = []
      const answers = await Promise.all([predict(model), predict(model), predict(model)])
      expect(asked).toEqual(['modelVersion'])
      await predict(model)
      expect(asked).toHaveLength(1)
      for (const answer of answers) expect(answer.modelVersion.version).toBe(version)
    }
    api.models.changed.publish(modelId)
    await predict(CHAMPION)
    expect(asked).toHaveLength(2)
  })

  test('is made by the version that an alias names since it moved, and by none when it is deleted', async () => {
    for (const version of [2, 1, 3]) {
      await setAlias(version)
      expect((await predict(CHAMPION)).modelVersion.version).toBe(version)
    }
    await api.query(
      'mutation { deleteModelAlias(input: { model: "served", name: "champion" }) { __typename } }',
    )
    expect((await predict(CHAMPION)).__typename).toBe('NotFoundError')
  })

  test('is never made by a run that was deleted, nor by a version that was', async () => {
    const run = await db.prisma.trainingRun.create({ data: { ...RUN_ROW, status: 'COMPLETED' } })
    const { id } = await db.prisma.modelVersion.create({
      data: { ...VERSION_ROW, modelId, version: 9, digest: '9'.repeat(64), runId: run.id },
    })
    api.models.changed.publish(modelId)
    const [byRun, byId] = [
      { runId: global('TrainingRun', run.id) },
      { versionId: global('ModelVersion', id) },
    ]
    for (const model of [byRun, byId, null]) expect((await predict(model)).modelVersion.version).toBe(9)
    await api.query(`mutation { deleteTrainingRun(id: "${byRun.runId}") { __typename } }`)
    expect((await predict(byRun)).__typename).toBe('NotFoundError')
    expect((await predict(byId)).modelVersion.version).toBe(9)
    await api.query(`mutation { deleteModelVersion(id: "${byId.versionId}") { __typename } }`)
    expect((await predict(byId)).__typename).toBe('NotFoundError')
    expect((await predict(null)).modelVersion.version).toBe(3)
  })
})

describe('the weights of a version', () => {
  test('are loaded before an alias names it, and until then the old one answers', async () => {
    await setAlias(1)
    let go = () => {}
    const loading = new Promise<void>((began) => {
      loaded = (_model) => {
        began()
        return new Promise((resolve) => {
          go = resolve
        })
      }
    })
    const moved = setAlias(2)
    await loading
    expect((await predict(CHAMPION)).modelVersion.version).toBe(1)
    go()
    await moved
    expect(warmed).toEqual(['1'.repeat(64), '2'.repeat(64)])
    expect((await predict(CHAMPION)).modelVersion).toEqual({ version: 2, loaded: true })
  })

  test('that cannot be loaded do not keep an alias from its version', async () => {
    loaded = () => Promise.reject(new UnusableModelError('they do not fit'))
    expect((await setAlias(3)).setModelAlias.__typename).toBe('ModelAlias')
    expect((await predict(CHAMPION)).modelVersion).toEqual({ version: 3, loaded: false })
  })

  test('are loaded on demand, and it is told why they cannot be', async () => {
    const warm = async (id: string) =>
      (
        await api.query(`mutation { warmModelVersion(id: "${global('ModelVersion', id)}") {
          __typename ... on ModelVersion { version loaded } ... on Error { message } } }`)
      ).warmModelVersion
    expect(await warm(versions[0]!)).toEqual({ __typename: 'ModelVersion', version: 1, loaded: true })
    expect((await warm('0194a000-0000-7000-8000-000000000000')).__typename).toBe('NotFoundError')
    loaded = () => Promise.reject(new UnusableModelError('they do not fit'))
    expect(await warm(versions[1]!)).toEqual({
      __typename: 'UnusableModelError',
      message: expect.stringContaining('Version 2 of served cannot be used'),
    })
  })

  test('that aliases name are loaded when the server starts, those of the alias that moved last in the end', async () => {
    await setAlias(1)
    await api.models.aliases.set({ versionId: versions[1]!, name: 'challenger' })
    warmed = []
    loaded = async ({ digest }) => {
      if (digest.startsWith('1')) throw new UnusableModelError('they do not fit')
    }
    await api.predictions.warmAliased()
    expect(warmed).toEqual(['2'.repeat(64)])
    loaded = async () => {}
    warmed = []
    await api.predictions.warmAliased()
    expect(warmed).toEqual(['1'.repeat(64), '2'.repeat(64)])
  })
})
