import { readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createClient } from '../../../src/client/node.ts'
import { cachedDatasetFolder } from '../../support/dataset-cache.ts'
import { placeMigratedDatabase } from '../../support/embedded-database.ts'
import { CONTROL, type Event, START, startRun, TINY, waitForEvent } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'
import { mountSmallDisk, type SmallDisk, skipsSmallDisks } from '../../support/small-disk.ts'
import { sendFiles, uploadsGone } from '../../support/upload.ts'
import { refusal } from '../support/refusal.ts'

afterAll(stopServers)

/** The place of an event in its run's log, counted from 1. */
const placeOf = ({ cursor }: Pick<Event, 'cursor'>) =>
  Number(Buffer.from(cursor, 'base64url').toString().split(':')[1])

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = []
  for await (const item of items) all.push(item)
  return all
}

describe.skipIf(skipsSmallDisks)('on a disk that becomes full', () => {
  let disk: SmallDisk
  let server: TestServer
  const health = async () => (await fetch(`${server.url}/health/ready`)).status
  /** By what is free, or by what the last write met. */
  const isFull = () =>
    expect.stringMatching(new RegExp(`The disk of ${disk.folder} (is full|has no space left)`))
  const refused = () => ({
    errors: [expect.objectContaining({ message: isFull(), extensions: { code: 'STORAGE_FULL' } })],
  })

  beforeAll(async () => {
    disk = mountSmallDisk(260)
    await placeMigratedDatabase(join(disk.folder, 'database'))
    symlinkSync(cachedDatasetFolder(), join(disk.folder, 'datasets'))
    server = await startServer({ dataDir: disk.folder, dataset: 'cifar10' })
  })
  afterAll(async () => {
    await server?.stop()
    disk?.unmount()
  })

  test('an upload is cut off and answered; a run waits, goes on, and is cancelled to make room; files are read and deleted', async () => {
    const id = await startRun(server, {
      // More than it gets to in any time.
      epochs: 1000,
      trainLimit: 320,
      checkpoints: { everySteps: 2, keepLatest: 1, keepBest: 0 },
    })
    // This process writes as much as the disk holds: meanwhile it answers no ping, and may lose its connection.
    const client = createClient({ url: server.url })
    onTestFinished(() => client.dispose())
    const events = collect(client.follow(id))
    // Of a failure of this test the reason is elsewhere.
    events.catch(() => {})
    const saved = (step: number) => (event: Event) =>
      event.__typename === 'CheckpointSaved' && event.step > step
    await waitForEvent(server, id, saved(0))
    const {
      trainingRun: { checkpoints },
    } = await server.query('query($id: ID!) { trainingRun(id: $id) { checkpoints { id } } }', { id })
    const { registerModel: version } = await server.query(
      `mutation($weights: TrainedWeightsInput!) { registerModel(input: { name: "m", weights: $weights }) {
        ... on ModelVersion { id bytes downloads { safetensors { url } layersModel { url } } } } }`,
      { weights: { checkpointId: checkpoints.at(-1).id } },
    )

    // In its midst: there is room for most of it.
    const upload = await sendFiles(
      server,
      `mutation($file: File!) { importModel(input: { name: "big", architecture: "vgg16", weights: { safetensors: $file } }) { __typename } }`,
      { file: null },
      { file: { name: 'big.safetensors', bytes: new Uint8Array(250 * 2 ** 20) } },
    )
    expect(upload.status).toBe(507)
    expect(upload.body).toMatchObject(refused())
    await uploadsGone(server)

    disk.fill(0)
    await expect.poll(health).toBe(503)
    expect(await server.execute(CONTROL('pause'), { id })).toMatchObject(refused())
    const get = (url: string) => fetch(server.url + url)
    const { safetensors, layersModel } = version.downloads
    expect((await (await get(safetensors.url)).arrayBuffer()).byteLength).toBe(version.bytes)
    const conversion = await get(layersModel.url)
    expect([conversion.status, await conversion.text()]).toEqual([507, isFull()])
    const evaluate = 'mutation($id: ID!) { evaluateModel(id: $id) { __typename } }'
    expect(await server.execute(evaluate, { id: version.id })).toMatchObject(refused())
    const predict = 'predict(input: { image: { sample: { index: 1 } } }) { __typename }'
    expect(await server.execute(`mutation { ${predict} }`)).toMatchObject(refused())
    expect(await server.query(`{ ${predict} }`)).toEqual({ predict: { __typename: 'Prediction' } })

    const { trainingRun } = await server.query(
      'query($id: ID!) { trainingRun(id: $id) { progress { step } } }',
      { id },
    )
    disk.empty()
    await waitForEvent(server, id, saved(trainingRun.progress.step))
    await expect.poll(health).toBe(200)

    // As the server leaves it: what it keeps free is for this.
    disk.fill(12 * 2 ** 20)
    await expect.poll(health).toBe(503)
    expect(await server.query(CONTROL('cancel'), { id })).toMatchObject({
      cancelTrainingRun: { status: 'CANCELLED' },
    })
    const told = await events
    expect(told.at(-1)).toMatchObject({ status: 'CANCELLED' })
    expect(told.map(placeOf)).toEqual(told.map((_, i) => i + 1))
    const gone = { deleteTrainingRun: { __typename: 'TrainingRun' } }
    expect(
      await server.query('mutation($id: ID!) { deleteTrainingRun(id: $id) { __typename } }', { id }),
    ).toEqual(gone)
    expect(
      await server.query('mutation($id: ID!) { deleteModelVersion(id: $id) { __typename } }', {
        id: version.id,
      }),
    ).toEqual({ deleteModelVersion: { __typename: 'ModelVersion' } })
    expect(readdirSync(join(disk.folder, 'artifacts'))).toEqual([])
    disk.empty()
    await expect.poll(health).toBe(200)
  })

  test('a server refuses what it would write, answers the rest, stops when told to, and says why it does not start', async () => {
    const count = '{ trainingRuns { totalCount } }'
    const before = await server.query(count)
    disk.fill(0)
    await expect.poll(health).toBe(503)
    const body = JSON.stringify({ query: START, variables: { input: TINY } })
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${server.url}/graphql`, { method: 'POST', headers, body })
    expect(response.status).toBe(507)
    expect(await response.json()).toMatchObject(refused())
    expect(await server.query(count)).toEqual(before)
    disk.empty()
    await expect.poll(health).toBe(200)
    disk.fill(0)
    await server.stop()
    const { code, lines } = await refusal({ DATA_DIR: disk.folder })
    expect(code).toBe(1)
    expect(lines).toEqual([
      expect.stringContaining(`cannot start: the data folder ${disk.folder} (DATA_DIR)`),
    ])
    expect(lines[0]).toMatch(/its disk is full.*; make room/)
  })
})
