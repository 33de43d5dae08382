import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { RUN_ROW, useDatabase } from '../support/database.ts'
import {
  type InProcess,
  openInProcess,
  outcomeOf,
  PREDICTION_ROW,
  VERSION_ROW,
} from '../support/in-process.ts'

const db = useDatabase()

/** What happens while the predictor is at work, once for each item. */
let meanwhile: (() => Promise<unknown>)[] = []
let fails = false
let api: InProcess
beforeAll(async () => {
  const predict = async () => {
    await meanwhile.shift()?.()
    if (fails) throw new Error('the file is gone')
    return outcomeOf('cat')
  }
  api = await openInProcess(db.prisma, db.folder, { predict })
})

const global = (type: string, id: string) => Buffer.from(`${type}:${id}`).toString('base64')
let model: string
let versions = 0
async function addVersion(more: object = {}) {
  const data = { ...VERSION_ROW, modelId: model, version: ++versions, ...more }
  const version = await db.prisma.modelVersion.create({ data })
  api.models.changed.publish(model)
  return version
}
const setAlias = (versionId: string) => api.models.aliases.set({ versionId, name: 'champion' })
const addRun = () => db.prisma.trainingRun.create({ data: { ...RUN_ROW, status: 'COMPLETED' } })
async function remove(id: string) {
  await db.prisma.modelVersion.delete({ where: { id } })
  api.models.changed.publish(model)
}

beforeEach(async () => {
  meanwhile = []
  fails = false
  model ??= (await db.prisma.model.create({ data: { name: 'live' } })).id
})

const PICTURE = `image: { base64: "AAAA" }`
const ANSWER = `{ __typename
  ... on Prediction { label modelVersion { version model { name } aliases { name } run { id } checkpoint { id } } }
  ... on Error { message } }`
const KINDS = ['query', 'mutation'] as const

describe.each(KINDS)('a prediction by the %s predict, whose version is deleted while it is made', (kind) => {
  const predict = async (named: string) =>
    (await api.query(`${kind} { predict(input: { ${PICTURE}${named} }) ${ANSWER} }`)).predict

  test.each([false, true])(
    'is made by what the alias names since, or the run, or by the newest (fails: %s)',
    async (failing) => {
      for (const by of ['alias', 'run', 'default']) {
        const run = await addRun()
        const old = await addVersion({ runId: run.id })
        await setAlias(old.id)
        const next = await addVersion({ runId: run.id })
        if (by !== 'alias') await setAlias(next.id)
        let asked = next
        meanwhile = [
          async () => {
            if (by === 'alias') {
              await setAlias(next.id)
              await remove(old.id)
            } else {
              // What was the newest goes, and the alias from it.
              await setAlias(old.id)
              await remove(next.id)
              asked = old
            }
            fails = failing
          },
          async () => {
            fails = false
          },
        ]
        const named = {
          alias: ', model: { alias: { model: "live", name: "champion" } }',
          run: `, model: { runId: "${global('TrainingRun', run.id)}" }`,
          default: '',
        }[by]!
        const answer = await predict(named)
        // Nothing has to be stored: the version was there when it was asked.
        if (kind === 'query' && !failing) asked = by === 'alias' ? old : next
        expect(answer).toMatchObject({
          __typename: 'Prediction',
          modelVersion: { version: asked.version, model: { name: 'live' } },
        })
      }
    },
  )

  test('is a NotFoundError when it was named by its id, unless it was made already and is not to be stored', async () => {
    for (const failing of [false, true]) {
      const version = await addVersion()
      meanwhile = [
        async () => {
          await remove(version.id)
          fails = failing
        },
      ]
      const answer = await predict(`, model: { versionId: "${global('ModelVersion', version.id)}" }`)
      expect(answer).toMatchObject(
        kind === 'query' && !failing
          ? { __typename: 'Prediction', modelVersion: { version: version.version, model: { name: 'live' } } }
          : { __typename: 'NotFoundError', message: 'The model version was deleted while it was at work.' },
      )
      fails = false
    }
  })
})

/** Answers a query on rows that are deleted at the moment when the first of them was read. */
async function whileDeleted(source: string, remove: () => Promise<unknown>) {
  const [sourceField] = /\w+(?=\()/.exec(source)!
  const service = { trainingRun: 'runs', node: null, model: 'models' }[sourceField!]
  expect(service).toBeDefined()
  const real = service === 'runs' ? api.runs.find : api.models.find
  try {
    const during = async (...args: unknown[]) => {
      const found = await (real as (...all: unknown[]) => Promise<unknown>)(...args)
      await remove()
      return found
    }
    Object.assign(service === 'runs' ? api.runs : api.models, { find: during })
    return await api.execute(source)
  } finally {
    Object.assign(service === 'runs' ? api.runs : api.models, { find: real })
  }
}

test('a run that is deleted while it is read is answered with what its own row says, and the rest is empty', async () => {
  const run = await addRun()
  const { data, errors } = await whileDeleted(
    `{ trainingRun(id: "${global('TrainingRun', run.id)}") { number losses { step } epochs { epoch } attempts { attempt }
      checkpoints { id } modelVersions { id } forks { id } parent { id } architecture { name } } }`,
    () => db.prisma.trainingRun.delete({ where: { id: run.id } }),
  )
  expect(errors).toBeUndefined()
  expect(data.trainingRun).toMatchObject({ number: run.number, losses: [], epochs: [], parent: null })
})

test('what is deleted is answered as it was, with where it belonged', async () => {
  const run = await addRun()
  const version = await addVersion({ runId: run.id })
  const { deleteModelVersion } = await api.query(
    `mutation { deleteModelVersion(id: "${global('ModelVersion', version.id)}") {
      ... on ModelVersion { version model { name } run { number } aliases { name } architecture { name } } } }`,
  )
  expect(deleteModelVersion).toEqual({
    version: version.version,
    model: { name: 'live' },
    run: { number: run.number },
    aliases: [],
    architecture: { name: 'vgg_mini' },
  })
  const { deleteTrainingRun } = await api.query(
    `mutation { deleteTrainingRun(id: "${global('TrainingRun', run.id)}") {
      ... on TrainingRun { number checkpoints { id } modelVersions { id } forks { id } parent { id } losses { step } } } }`,
  )
  expect(deleteTrainingRun).toMatchObject({ number: run.number, checkpoints: [], modelVersions: [] })
  const held = await addVersion()
  await setAlias(held.id)
  const { deleteModelAlias } = await api.query(
    `mutation { deleteModelAlias(input: { model: "live", name: "champion" }) {
      ... on ModelAlias { name version { version } model { name } } } }`,
  )
  expect(deleteModelAlias).toEqual({
    name: 'champion',
    version: { version: held.version },
    model: { name: 'live' },
  })
})

test('a field that leads to what is gone is NOT_FOUND, and never an internal error', async () => {
  const version = await addVersion()
  const { id } = await db.prisma.prediction.create({
    data: { ...PREDICTION_ROW, modelVersionId: version.id },
  })
  const prediction = await db.prisma.prediction.findUniqueOrThrow({ where: { id } })
  await remove(version.id)
  const list = api.predictions.list
  try {
    Object.assign(api.predictions, { list: async () => [prediction] })
    const query = (field: string) => api.execute(`{ predictions(first: 1) { edges { node { ${field} } } } }`)
    for (const field of ['modelVersion { version }', 'activations(layer: "features.0")']) {
      const { errors } = await query(field)
      expect(errors).toHaveLength(1)
      expect(errors?.[0]?.extensions?.code).toBe('NOT_FOUND')
    }
  } finally {
    Object.assign(api.predictions, { list })
  }
})

test('the filters of a version without its file are MODEL_UNUSABLE, and NOT_FOUND once it is deleted', async () => {
  const version = await addVersion()
  const filters = async (meanwhile: () => Promise<unknown>) => {
    const real = api.models.filters
    try {
      Object.assign(api.models, {
        filters: async (of: typeof version) => {
          await meanwhile()
          return real(of)
        },
      })
      const { errors } = await api.execute(
        `{ node(id: "${global('ModelVersion', version.id)}") { ... on ModelVersion { filters } } }`,
      )
      return errors?.[0]?.extensions?.code
    } finally {
      Object.assign(api.models, { filters: real })
    }
  }
  expect(await filters(async () => {})).toBe('MODEL_UNUSABLE')
  expect(await filters(() => remove(version.id))).toBe('NOT_FOUND')
  expect(await api.models.downloads.find({ versionId: version.id, format: 'safetensors' })).toBeNull()
})
