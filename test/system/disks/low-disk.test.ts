import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cachedDatasetFolder } from '../../support/dataset-cache.ts'
import { placeMigratedDatabase } from '../../support/embedded-database.ts'
import { quadrants } from '../../support/images.ts'
import {
  collectEvents,
  type Event,
  finalDigest,
  isStatus,
  startRun,
  waitForEvent,
} from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'
import { mountSmallDisk, type SmallDisk, skipsSmallDisks } from '../../support/small-disk.ts'
import { sendFiles } from '../../support/upload.ts'

afterAll(stopServers)

describe.skipIf(skipsSmallDisks)('on a disk that becomes nearly full', () => {
  let disk: SmallDisk
  let server: TestServer
  const low = () =>
    expect.stringMatching(new RegExp(`The disk of ${disk.folder} is nearly full: \\d+ MiB are free`))

  beforeAll(async () => {
    disk = mountSmallDisk(260)
    await placeMigratedDatabase(join(disk.folder, 'database'))
    symlinkSync(cachedDatasetFolder(), join(disk.folder, 'datasets'))
    server = await startServer({
      dataDir: disk.folder,
      dataset: 'cifar10',
      env: { MIN_FREE_BYTES: '100 MiB' },
    })
  })
  afterAll(async () => {
    await server?.stop()
    disk?.unmount()
  })

  test('training waits and comes to the same bytes, what is kept is refused, and all else is answered', async () => {
    const run = { epochs: 12, trainLimit: 320, testLimit: 32, logEvery: 1, seed: 11 }
    const undisturbed = await startRun(server, run)
    await collectEvents(server, undisturbed)

    const id = await startRun(server, run)
    await waitForEvent(server, id, (event) => event.__typename === 'LossPoints')
    disk.fill(80 * 2 ** 20)
    const suspended = await waitForEvent(
      server,
      id,
      (event: Event) => isStatus('QUEUED')(event) && event.failure != null,
    )
    expect(suspended.failure).toMatchObject({ code: 'DISK_LOW', message: low() })
    const next = await startRun(server, { ...run, epochs: 1 })
    const importing = await sendFiles(
      server,
      `mutation($file: File!) { importModel(input: { name: "big", architecture: "vgg16", weights: { safetensors: $file } }) { __typename } }`,
      { file: null },
      { file: { name: 'big.safetensors', bytes: new Uint8Array(2 ** 20) } },
    )
    expect(importing).toMatchObject({
      status: 507,
      body: { errors: [{ message: low(), extensions: { code: 'STORAGE_FULL' } }] },
    })
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
    const { trainingRuns } = await server.query('{ trainingRuns(first: 2) { edges { node { id status } } } }')
    expect(trainingRuns.edges.map(({ node }: Event) => node)).toEqual([
      { id: next, status: 'QUEUED' },
      { id, status: 'QUEUED' },
    ])

    // A picture to classify is kept by nobody.
    const picture = await quadrants().png().toBuffer()
    const predicting = await sendFiles(
      server,
      'query($file: File!) { predict(input: { image: { upload: $file } }) { __typename } }',
      { file: null },
      { file: { name: 'picture.png', bytes: picture } },
    )
    expect(predicting.body).toEqual({ data: { predict: { __typename: 'Prediction' } } })

    disk.empty()
    const events = (await collectEvents(server, id)) as Event[]
    expect(events.at(-1)).toMatchObject({ status: 'COMPLETED' })
    expect(await finalDigest(server, id)).toBe(await finalDigest(server, undisturbed))
    await waitForEvent(server, next, isStatus('COMPLETED'))
  })
})
