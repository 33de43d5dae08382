import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { PrismaClient } from '../../src/db/generated/client.ts'
import { OverloadedError } from '../../src/errors.ts'
import { PredictionFailedError, UnusableModelError } from '../../src/predictor/errors.ts'
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
/** What the predictor says to the next pictures, before it answers others. */
let refusals: Error[] = []
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
    async predict({ model }) {
      const refusal = refusals.shift()
      if (refusal !== undefined) throw refusal
      return outcomeOf(model.digest)
    },
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
  refusals = []
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
    await api.predictions.warmAliased(Promise.resolve())
    expect(warmed).toEqual(['2'.repeat(64)])
    loaded = async () => {}
    warmed = []
    await api.predictions.warmAliased(Promise.resolve())
    expect(warmed).toEqual(['1'.repeat(64), '2'.repeat(64)])
  })
})

describe('servingStats', () => {
  const FIELDS = `modelVersion { version model { name } } answered refused failed predictionsPerSecond batchSize
    latency { p50 p90 p99 } decode { p50 } queue { p50 } compute { p50 p99 }`
  const overloaded = () => new OverloadedError('Others wait already.', 1, 1)
  const served = async (number: number) => {
    const digest = `${number}`.repeat(64)
    const data = { ...VERSION_ROW, modelId, version: number, digest }
    const id = global('ModelVersion', (await db.prisma.modelVersion.create({ data })).id)
    return { id, predict: () => predict({ versionId: id }) }
  }
  const statsOf = async (id: string) =>
    (await api.query(`query ($id: ID) { servingStats(modelVersion: $id) { ${FIELDS} } }`, { id }))
      .servingStats

  test('tells live, of each version that was asked, what was answered, refused and failed, and how long it took', async () => {
    const { id, predict } = await served(7)
    expect(await statsOf(id)).toEqual([])
    const stream = await api.subscribe(
      `subscription { servingStats(everyMs: 250, modelVersion: "${id}") { ${FIELDS} } }`,
    )
    const next = async () => (await stream.next()).value.data.servingStats
    expect(await next()).toEqual([])
    await predict()
    refusals = [overloaded(), new PredictionFailedError('It ended the process twice.')]
    for (const kind of ['OverloadedError', 'PredictionFailedError', 'Prediction']) {
      expect((await predict()).__typename).toBe(kind)
    }
    await expect
      .poll(next)
      .toMatchObject([
        { modelVersion: { version: 7, model: { name: 'served' } }, answered: 2, refused: 1, failed: 1 },
      ])
    const [stats] = await next()
    expect(stats).toMatchObject({ batchSize: 1, decode: { p50: 0 }, queue: { p50: 0 } })
    expect(stats.compute.p50).toBeCloseTo(1, 1)
    expect(stats.latency.p99).toBeGreaterThanOrEqual(stats.latency.p50)
    expect(stats.predictionsPerSecond).toBeGreaterThan(0)
    expect(await statsOf(id)).toMatchObject([{ answered: 2, refused: 1, failed: 1 }])
    await stream.return?.()
    expect(api.serving.listenerCount).toBe(0)
  })

  test('counts no refusal where a picture of a batch only waits for room, and nothing of a version that is deleted', async () => {
    const { id } = await served(8)
    refusals = [overloaded(), overloaded()]
    const { predictMany } = await api.query(
      `query ($id: ID!) {
        predictMany(input: { images: [{ base64: "AAAA" }, { base64: "?" }], model: { versionId: $id } }) {
          ... on PredictionBatch { results { __typename } }
        }
      }`,
      { id },
    )
    expect(predictMany.results).toEqual([{ __typename: 'Prediction' }, { __typename: 'ValidationError' }])
    expect(await statsOf(id)).toMatchObject([{ answered: 1, refused: 1, failed: 0 }])
    const all = (await api.query('{ servingStats { modelVersion { version } } }')).servingStats
    expect(all).toContainEqual({ modelVersion: { version: 8 } })
    await api.query(`mutation { deleteModelVersion(id: "${id}") { __typename } }`)
    expect(await statsOf(id)).toEqual([])
  })

  test('refuses times that are too short or too long', async () => {
    for (const everyMs of [249, 60_001]) {
      await expect(
        api.subscribe(`subscription { servingStats(everyMs: ${everyMs}) { answered } }`),
      ).rejects.toThrow(`servingStats: everyMs must be from 250 to 60000, not ${everyMs}.`)
    }
  })
})
