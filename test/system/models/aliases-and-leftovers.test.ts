import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PREDICT, REGISTER, SET_ALIAS } from '../../support/models.ts'
import { completeRun } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'

const IMAGE = { sample: { split: 'TEST', index: 5 } }

/** Of a probability: the order of sums depends on what shares a batch. The two versions differ by far more. */
const ROUNDING = 1e-6

let server: TestServer
let first: string
let second: string
beforeAll(async () => {
  server = await startServer({ dataset: 'cifar10' })
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
type Probabilities = readonly { label: string; probability: number }[]
const difference = (one: Probabilities, other: Probabilities) => {
  const its = new Map(other.map(({ label, probability }) => [label, probability]))
  return Math.max(...one.map(({ label, probability }) => Math.abs(probability - its.get(label)!)))
}
const files = () => readdirSync(join(server.dataDir, 'artifacts')).sort()
const fileOf = (digest: string) => join(server.dataDir, 'artifacts', `${digest}.safetensors`)

describe('an alias', () => {
  let versions: { id: string }[]
  beforeAll(async () => {
    versions = [await register('served', { runId: first }), await register('served', { runId: second })]
  })

  test('moves 30 times under a load of predicts: none fails, and each names the version it came from', async () => {
    const alias = { alias: { model: 'served', name: 'hot' } }
    await setAlias({ versionId: versions[0].id, name: 'hot' })
    const truth = new Map<string, Probabilities>()
    for (const { id } of versions) truth.set(id, (await predict({ versionId: id })).probabilities)
    expect(difference(truth.get(versions[0].id)!, truth.get(versions[1].id)!)).toBeGreaterThan(1e-3)

    let moving = true
    const seen = new Map<string, number>()
    const load = Array.from({ length: 8 }, async () => {
      while (moving) {
        const answer = await predict(alias)
        expect(answer.__typename).toBe('Prediction')
        expect(difference(answer.probabilities, truth.get(answer.modelVersion.id)!)).toBeLessThan(ROUNDING)
        seen.set(answer.modelVersion.id, (seen.get(answer.modelVersion.id) ?? 0) + 1)
      }
    })
    for (let move = 1; move <= 30; move++) {
      const version = versions[move % 2]
      expect(await setAlias({ versionId: version.id, name: 'hot' })).toMatchObject({
        version: { id: version.id },
      })
    }
    moving = false
    await Promise.all(load)
    expect([...seen.keys()].sort()).toEqual(versions.map(({ id }) => id).sort())
  })
})

test('the next start removes what a server that died could not record, and nothing that may be of another database', async () => {
  const [unrecorded, foreign] = ['0'.repeat(64), '1'.repeat(64)]
  const before = files()
  writeFileSync(fileOf(unrecorded), 'of a server that died between the file and its row')
  writeFileSync(fileOf(unrecorded).replace('.safetensors', '.pending'), '')
  writeFileSync(fileOf(foreign), 'of a server with the same folder and another DATABASE_URL')
  await server.stop('SIGKILL')
  server = await startServer({ dataDir: server.dataDir, dataset: 'cifar10' })
  expect(files()).toEqual([...before, `${foreign}.safetensors`].sort())
  expect(await predict({ runId: second })).toMatchObject({ __typename: 'Prediction' })
})
