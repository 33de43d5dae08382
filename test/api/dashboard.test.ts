import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TINY_MODULE } from '../support/dataset-cache.ts'
import { type GraphQLResult, startServer, stopServers, type TestServer } from '../support/server.ts'

/* What a page shows that is open while things happen. */

let server: TestServer
beforeAll(async () => {
  // The data set is known and not there yet.
  server = await startServer({ dataset: false, env: { DATASET_SOURCES: TINY_MODULE } })
})
afterAll(stopServers)

const listeners = async () =>
  (await server.query('{ system { openSubscriptions } }')).system.openSubscriptions
const value = async (stream: AsyncIterableIterator<GraphQLResult>, field: string) => {
  const { data, errors } = (await stream.next()).value
  if (errors !== undefined) throw new Error(errors[0].message)
  return data[field]
}

describe('datasetChanged', () => {
  const CHANGED = `subscription ($name: String!) {
    datasetChanged(name: $name) { state progress digest error downloadBytes fetch { phase bytes totalBytes } }
  }`

  test('tells how a data set is at once, how far its fetch is, and goes on when it is READY', async () => {
    const stream = server.subscribe(CHANGED, { name: 'tiny' })
    const first = await value(stream, 'datasetChanged')
    expect(first).toMatchObject({ state: 'MISSING', progress: 0, fetch: null, downloadBytes: null })
    expect(await listeners()).toBe(1)
    await server.query('mutation { prepareDataset(name: "tiny") { __typename } }')
    const seen = [first]
    while (seen.at(-1).state !== 'READY') seen.push(await value(stream, 'datasetChanged'))
    const fetching = seen.slice(1, -1)
    expect(fetching.length).toBeGreaterThan(0)
    const bytes = 300 * (16 * 24 * 3 + 1)
    for (const { state, fetch } of fetching) {
      expect({ state, fetch }).toEqual({
        state: 'FETCHING',
        fetch: { phase: 'CONVERTING', bytes: expect.any(Number), totalBytes: bytes },
      })
      expect(fetch.bytes).toBeLessThanOrEqual(bytes)
    }
    const progress = seen.map((item) => item.progress)
    expect(progress).toEqual([...progress].sort((one, other) => one - other))
    expect(seen.at(-1)).toMatchObject({ progress: 1, digest: expect.any(String), fetch: null })
    const next = server.subscribe(CHANGED, { name: 'tiny' })
    expect(await value(next, 'datasetChanged')).toEqual(seen.at(-1))
    await next.return?.()
    await stream.return?.()
    await expect.poll(listeners).toBe(0)
  })

  test('of a data set that is not known is an error, and of one to download says how much that is', async () => {
    const { value: refused } = await server.subscribe(CHANGED, { name: 'mnist' }).next()
    expect(refused.errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }])
    const stream = server.subscribe(CHANGED, { name: 'cifar10' })
    expect(await value(stream, 'datasetChanged')).toMatchObject({
      state: 'MISSING',
      downloadBytes: 138_940_914,
    })
    await stream.return?.()
    await expect.poll(listeners).toBe(0)
  })
})

describe('systemStats', () => {
  const STATS = `subscription ($everyMs: Int!) {
    systemStats(everyMs: $everyMs) {
      at server { ...Load } trainers { ...Load } predictor { ...Load } jobs { ...Load }
      training predicting queue { running } predictionsOpen predictionsPerSecond openSubscriptions
    }
  }
  fragment Load on ProcessLoad { processes cpu memoryBytes }`

  test('tells at once what is used, and then how much of the cores it was', async () => {
    const stream = server.subscribe(STATS, { everyMs: 250 })
    const first = await value(stream, 'systemStats')
    expect(first.server).toEqual({ processes: 1, cpu: null, memoryBytes: expect.any(Number) })
    expect(first.server.memoryBytes).toBeGreaterThan(2 ** 20)
    expect(first.trainers).toEqual({ processes: 0, cpu: null, memoryBytes: 0 })
    expect(first).toMatchObject({ training: false, predicting: false, openSubscriptions: 1 })
    const second = await value(stream, 'systemStats')
    for (const load of [second.server, second.predictor]) {
      expect(load.processes).toBe(1)
      expect(load.cpu).toBeGreaterThanOrEqual(0)
      expect(load.cpu).toBeLessThanOrEqual(1)
      expect(load.memoryBytes).toBeGreaterThan(2 ** 20)
    }
    expect(second.predictionsPerSecond).toBe(0)
    expect(second.at > first.at).toBe(true)
    await stream.return?.()
    await expect.poll(listeners).toBe(0)
  })

  test('refuses times that are too short or too long', async () => {
    for (const everyMs of [-1, 0, 249, 60_001]) {
      const { value: refused } = await server.subscribe(STATS, { everyMs }).next()
      expect(refused.errors).toMatchObject([
        {
          message: `systemStats: everyMs must be from 250 to 60000, not ${everyMs}.`,
          extensions: { code: 'BAD_USER_INPUT' },
        },
      ])
    }
  })
})
