import { beforeAll, describe, expect, test } from 'vitest'
import { RUN_ROW, useDatabase } from '../support/database.ts'
import { type InProcess, openInProcess } from '../support/in-process.ts'

const db = useDatabase()
let api: InProcess
beforeAll(async () => {
  api = await openInProcess(db.prisma, db.folder)
})

const global = (type: string, id: string) => Buffer.from(`${type}:${id}`).toString('base64')
const REGISTER = `mutation ($input: RegisterModelInput!) { registerModel(input: $input) {
  __typename ... on ModelVersion { id version model { name } } ... on Error { message } } }`

/** A run with a checkpoint to register. */
async function addRun(status: 'COMPLETED' | 'QUEUED' = 'COMPLETED') {
  const checkpoints = {
    create: { attempt: 1, step: 1, epoch: 1, testAccuracy: 0.1, bytes: 1, digest: '0'.repeat(64) },
  }
  return db.prisma.trainingRun.create({ data: { ...RUN_ROW, status, checkpoints } })
}
const register = async (name: string, runId: string, idempotencyKey?: string, of = api) => {
  const input = { name, weights: { runId: global('TrainingRun', runId) }, idempotencyKey }
  return (await of.query(REGISTER, { input })).registerModel
}

test('a predict before anything is trained says what to do', async () => {
  const { predict } = await api.query(
    `{ predict(input: { image: { sample: { index: 5 } } }) { __typename ... on Error { message } } }`,
  )
  expect(predict.__typename).toBe('NotFoundError')
  expect(predict.message).toMatch(/startTrainingRun/)
})

describe('registering under an idempotency key', () => {
  test('is done once, also when it is sent twice at once, after a restart, and when the checkpoint is gone', async () => {
    const { id } = await addRun()
    const [one, other] = await Promise.all([register('once', id, 'k1'), register('once', id, 'k1')])
    expect(one).toMatchObject({ __typename: 'ModelVersion', version: 1 })
    expect(other).toEqual(one)
    const restarted = await openInProcess(db.prisma, db.folder)
    expect(await register(' once ', id, 'k1', restarted)).toEqual(one)
    await db.prisma.checkpoint.deleteMany({ where: { runId: id } })
    expect(await register('once', id, 'k1')).toEqual(one)
    expect(await register('once', id, 'k2')).toMatchObject({ __typename: 'NotFoundError' })
  })

  test('with another request is a conflict, and after the version was deleted not done again', async () => {
    const [{ id }, { id: another }] = [await addRun(), await addRun()]
    const version = await register('kept', id, 'k3')
    for (const request of [register('other', id, 'k3'), register('kept', another, 'k3')]) {
      expect(await request).toMatchObject({ __typename: 'ConflictError' })
    }
    await api.query(`mutation { deleteModelVersion(id: "${version.id}") { __typename } }`)
    expect(await register('kept', id, 'k3')).toMatchObject({
      __typename: 'NotFoundError',
      message: expect.stringMatching(/was deleted. Make one again with another key/),
    })
    expect(await register('kept', id, 'k4')).toMatchObject({ version: 2 })
  })

  test('leaves the key free when it is refused', async () => {
    const { id } = await addRun('QUEUED')
    expect(await register('free', id, 'k5')).toMatchObject({ __typename: 'ConflictError' })
    await db.prisma.trainingRun.update({ where: { id }, data: { status: 'COMPLETED' } })
    expect(await register('free', id, 'k5')).toMatchObject({ version: 1 })
    expect(await register('free', id, ' ')).toMatchObject({ __typename: 'ValidationError' })
  })
})

test('a model is found by its name however that is written, and by nothing that is no name', async () => {
  const { id } = await addRun()
  const version = await register(' Cafe\u0301 猫 ', id)
  expect(version.model.name).toBe('Caf\u00E9 猫')
  expect(await register('Caf\u00E9 猫', id)).toMatchObject({ version: 2 })
  const find = 'query ($name: String!) { model(name: $name) { name } }'
  for (const name of ['Cafe\u0301 猫', '\u00A0Caf\u00E9 猫\n']) {
    expect(await api.query(find, { name })).toEqual({ model: { name: 'Caf\u00E9 猫' } })
    await api.models.aliases.set({ versionId: (await api.models.resolve({ runId: id })).id, name: 'best' })
    expect(await api.models.resolve({ alias: { model: name, name: 'best' } })).toMatchObject({ version: 2 })
    expect(await api.models.aliases.remove(name, 'best')).toMatchObject({ name: 'best' })
  }
  for (const name of ['cafe 猫', 'a\0', '\u202E', '']) {
    expect(await api.query(find, { name })).toEqual({ model: null })
    await expect(api.models.resolve({ alias: { model: name, name: 'best' } })).rejects.toThrow('no alias')
    await expect(api.models.aliases.remove(name, 'b\0')).rejects.toThrow('no alias')
  }
})

test('trainingRunsChanged tells of a run that was deleted, once and at last', async () => {
  const [kept, gone] = [await addRun(), await addRun()]
  const changes = await api.subscribe(
    'subscription { trainingRunsChanged { __typename id number status ... on TrainingRun { epochs { epoch } } } }',
  )
  const next = async () => (await changes.next()).value.data.trainingRunsChanged
  const first = next()
  const id = global('TrainingRun', gone.id)
  await api.query(`mutation { deleteTrainingRun(id: "${id}") { __typename } }`)
  expect(await first).toEqual({
    __typename: 'TrainingRunDeleted',
    id,
    number: gone.number,
    status: 'COMPLETED',
  })
  await api.query(
    `mutation { updateTrainingRun(id: "${global('TrainingRun', kept.id)}", input: { epochs: 2 }) { __typename } }`,
  )
  await api.query(`mutation { deleteTrainingRun(id: "${global('TrainingRun', kept.id)}") { __typename } }`)
  expect((await next()).number).toBe(kept.number)
  await changes.return?.()
  expect(api.runs.listenerCount).toBe(0)
})
