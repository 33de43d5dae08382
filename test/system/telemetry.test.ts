import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from 'graphql-ws'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import WebSocket from 'ws'
import type { App } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import type { Measurement } from '../../src/ports/telemetry.ts'
import { TINY_MODULE } from '../support/dataset-cache.ts'
import { placeMigratedDatabase } from '../support/embedded-database.ts'
import { EVENTS, START, TINY } from '../support/runs.ts'

/*
 * A whole server within this process, as compiled: its children are compiled files, too. Everything that a person does
 * with it once, and what is measured of that.
 */

const dataDir = mkdtempSync(join(tmpdir(), 'vggzoo-telemetry-'))
const measured: Measurement[] = []
let app: App

const ofKind = <Kind extends Measurement['kind']>(kind: Kind) =>
  measured.filter((it): it is Extract<Measurement, { kind: Kind }> => it.kind === kind)

async function execute(query: string, variables?: object) {
  const response = await fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  })
  const { data, errors } = await response.json()
  expect(errors).toBeUndefined()
  return data
}

beforeAll(async () => {
  await placeMigratedDatabase(join(dataDir, 'database'))
  const compiled = new URL('../../dist/app.js', import.meta.url).href
  const { startApp } = (await import(compiled)) as typeof import('../../src/app.ts')
  const config = readConfig({ PORT: '0', DATA_DIR: dataDir, DATASET_SOURCES: TINY_MODULE })
  const telemetry = { record: (measurement: Measurement) => void measured.push(measurement) }
  app = await startApp(config, pino({ level: 'silent' }), new AbortController().signal, { telemetry })

  const { startTrainingRun } = await execute(START, { input: { ...TINY, dataset: 'tiny' } })
  const { id } = startTrainingRun
  const url = `${app.url.replace('http', 'ws')}/graphql`
  const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0 })
  for await (const _ of client.iterate({ query: EVENTS, variables: { id } }));
  await client.dispose()
  const { trainingRun, predict } = await execute(
    `query ($id: ID!) {
      trainingRun(id: $id) { modelVersions { id downloads { layersModel { url } } } }
      predict(input: { image: { sample: { dataset: "tiny", index: 0 } } }) { __typename }
    }`,
    { id },
  )
  const [version] = trainingRun.modelVersions
  const answers = await execute(
    `mutation ($run: ID!, $version: ID!) {
      evaluateModel(id: $version, limit: 8) { __typename }
      verifyReproduction(id: $run, steps: 1) { __typename }
    }`,
    { run: id, version: version.id },
  )
  expect([predict, answers.evaluateModel, answers.verifyReproduction]).toEqual([
    { __typename: 'Prediction' },
    { __typename: 'ModelVersion' },
    { __typename: 'Reproduction' },
  ])
  expect((await fetch(new URL(version.downloads.layersModel.url, app.url))).ok).toBe(true)
})
afterAll(async () => {
  await app?.close()
  rmSync(dataDir, { recursive: true, force: true })
})

const some = expect.any(Number)

test('operations are measured by their fields, and subscriptions while they are open', () => {
  expect(ofKind('operation').map(({ type, field, outcome }) => [type, field, outcome])).toEqual([
    ['mutation', 'startTrainingRun', 'answered'],
    ['subscription', 'trainingRunEvents', 'answered'],
    ['query', 'several', 'answered'],
    ['mutation', 'several', 'answered'],
  ])
  const field = 'trainingRunEvents'
  expect(ofKind('subscriptionOpened')).toEqual([{ kind: 'subscriptionOpened', field }])
  expect(ofKind('subscriptionEnded')).toEqual([{ kind: 'subscriptionEnded', field, openMs: some }])
})

test('the steps of a run are measured as it trains them, up to the end of its attempt', async () => {
  const training = ofKind('training')
  expect(new Set(training.map(({ run }) => run))).toEqual(new Set([1]))
  // 64 images in batches of 16.
  expect(training.reduce((sum, { steps }) => sum + steps, 0)).toBe(4)
  expect(training.at(-1)!.imagesPerSecond).toBeGreaterThan(0)
  const ended = { kind: 'attemptEnded', run: 1, outcome: 'completed', ms: some }
  await expect.poll(() => ofKind('attemptEnded')).toEqual([ended])
})

test('the queue is measured while the run is at work, and when it has ended', async () => {
  expect(ofKind('queue')).toContainEqual({ kind: 'queue', queuedRuns: 0, runningRuns: 1 })
  await expect.poll(() => ofKind('queue').at(-1)).toEqual({ kind: 'queue', queuedRuns: 0, runningRuns: 0 })
})

test('what the journal committed is measured, and whether the bus had listeners for it', () => {
  const committed = ofKind('journalWrite').reduce((sum, { events }) => sum + events, 0)
  const onBus = ofKind('busMessage').filter(({ bus }) => bus === 'run events')
  expect(onBus).toHaveLength(committed)
  expect(committed).toBeGreaterThan(4)
  // Somebody subscribed to the run; to the list of all runs, nobody did.
  expect(onBus.map(({ listeners }) => listeners)).toContain(1)
  const changes = ofKind('busMessage').filter(({ bus }) => bus === 'changed runs')
  expect(new Set(changes.map(({ listeners }) => listeners))).toEqual(new Set([0]))
})

test('the predictor tells how large its batches are and how long they take', () => {
  expect(ofKind('predictorBatch')).toEqual([{ kind: 'predictorBatch', pictures: 1, ms: some }])
})

test('jobs of all kinds are measured with their outcome', () => {
  expect(ofKind('job')).toEqual(
    ['dataset', 'evaluation', 'verification', 'conversion'].map((job) => ({
      kind: 'job',
      job,
      outcome: 'answered',
      ms: some,
    })),
  )
})
