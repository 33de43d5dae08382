import { closeSync, copyFileSync, mkdirSync, openSync, readSync, utimesSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cachedDatasetFile } from '../../support/dataset-cache.ts'
import { CONTROL, collectEvents, completeRun, type Event, startRun } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'

const DATASET = '{ datasets { state digest error samples(split: TEST, count: 1) { label image } } }'
const STATE = '{ datasets { state digest error } }'
const RUN = 'query ($id: ID!) { trainingRun(id: $id) { status datasetDigest modelVersions { id } } }'

/** The place of a byte of the last test image, and of the first training image. */
const LAST_TEST = 4096 + 60_000 * 3074 - 1
const FIRST_TRAIN = 4096 + 2 * 50_000

/** In whole seconds: Node sets no finer times. */
const LONG_AGO = 1_000_000_000

/** A server whose data set is a file of its own, and that has no source to make it again from. */
let server: TestServer
let file: string
let digest: string
beforeAll(async () => {
  server = await startServer({ dataset: false, env: { CIFAR10_DIR: import.meta.dirname } })
  mkdirSync(join(server.dataDir, 'datasets'), { recursive: true })
  file = join(server.dataDir, 'datasets', 'cifar10.bin')
  copyFileSync(cachedDatasetFile(), file)
  utimesSync(file, LONG_AGO, LONG_AGO)
  const { datasets } = await server.query(STATE)
  expect(datasets).toMatchObject([{ state: 'READY', error: null }])
  digest = datasets[0].digest
})
afterAll(stopServers)

/** As a failing disk does: size and time stay. Done again, it is undone. */
function flipSilently(at: number): void {
  const descriptor = openSync(file, 'r+')
  const byte = new Uint8Array(1)
  readSync(descriptor, byte, 0, 1, at)
  writeSync(
    descriptor,
    byte.map((it) => it ^ 255),
    0,
    1,
    at,
  )
  closeSync(descriptor)
  utimesSync(file, LONG_AGO, LONG_AGO)
}

/** Time tells of it, and then it is as it was. */
async function mended(): Promise<void> {
  utimesSync(file, LONG_AGO + 1, LONG_AGO + 1)
  expect((await server.query(STATE)).datasets).toEqual([{ state: 'READY', digest, error: null }])
  utimesSync(file, LONG_AGO, LONG_AGO)
  expect((await server.query(STATE)).datasets[0].state).toBe('READY')
}

test('a training image that is altered under a running server is found by the trainer, and the run tells of it', async () => {
  await completeRun(server)
  flipSilently(FIRST_TRAIN)
  const id = await startRun(server)
  const events: Event[] = await collectEvents(server, id)
  // The trainer found it, and then the server found nothing to make it again from.
  const failures = events.filter(({ failure }) => failure)
  expect(failures.map(({ status, failure }) => [status, failure.code])).toEqual([
    ['QUEUED', 'DATASET_UNAVAILABLE'],
    ['FAILED', 'DATASET_UNAVAILABLE'],
  ])
  for (const { failure } of failures) expect(failure.message).toContain(`${file} is damaged`)
  expect(failures[1].failure.message).toMatch(/data_batch_1\.bin/)
  const { datasets } = await server.query(STATE)
  expect(datasets).toEqual([{ state: 'FAILED', digest: null, error: failures[1].failure.message }])
  // What the trainer meant to read.
  expect((await server.query(RUN, { id })).trainingRun.datasetDigest).toBe(digest)

  flipSilently(FIRST_TRAIN)
  await mended()
  await server.query(CONTROL('resume'), { id })
  expect((await collectEvents(server, id)).at(-1)).toMatchObject({ status: 'COMPLETED' })
  expect((await server.query(RUN, { id })).trainingRun.datasetDigest).toBe(digest)
  expect((await server.query(STATE)).datasets).toEqual([{ state: 'READY', digest, error: null }])
})

test('an image that is altered is found by an evaluation, a sample, a prediction and a verification', async () => {
  const id = await completeRun(server, { pinned: [{ split: 'TEST', index: 9999 }] })
  const { trainingRun } = await server.query(RUN, { id })
  const ask: Record<string, () => Promise<string>> = {
    evaluation: async () =>
      (
        await server.query(
          `mutation { evaluateModel(id: "${trainingRun.modelVersions[0].id}") { __typename ... on Error { message } } }`,
        )
      ).evaluateModel.message,
    'pinned sample': async () => {
      const { errors } = await server.execute(`{ trainingRun(id: "${id}") { pinned { sample { image } } } }`)
      expect(errors?.[0]?.extensions?.code).toBe('DATASET_UNAVAILABLE')
      return errors![0]!.message
    },
    prediction: async () =>
      (
        await server.query(
          `{ predict(input: { image: { sample: { split: TEST, index: 9999 } } }) { __typename ... on Error { message } } }`,
        )
      ).predict.message,
    verification: async () =>
      (
        await server.query(
          `mutation { verifyReproduction(id: "${id}", steps: 1) { __typename ... on Error { message } } }`,
        )
      ).verifyReproduction.message,
  }
  for (const [who, answer] of Object.entries(ask)) {
    // Known to be whole, until somebody reads it.
    expect((await server.query(DATASET)).datasets[0].state, who).toBe('READY')
    // Whoever reads an image verifies that image: steps are of the training split.
    const place = who === 'verification' ? FIRST_TRAIN : LAST_TEST
    flipSilently(place)
    expect(await answer(), who).toContain(`${file} is damaged`)
    expect((await server.query(STATE)).datasets[0].digest, who).toBeNull()
    flipSilently(place)
    await mended()
  }
})
