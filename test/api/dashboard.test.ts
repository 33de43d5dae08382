import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TINY_MODULE } from '../support/dataset-cache.ts'
import { completeRun } from '../support/runs.ts'
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
    const bytes = 300 * (16 * 24 * 3 + 2)
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

describe('the mistakes of an evaluation', () => {
  const MISTAKES = `fragment Mistakes on Evaluation {
    confusionMatrix
    worstMistakes(first: 3) { index predicted }
    mistakes(first: 100) {
      totalCount
      edges { cursor node { index label predicted confidence trueConfidence probabilities { label probability } } }
    }
  }`
  const CLASSES = ['red disc', 'green square', 'blue triangle']
  const RUN = `query ($id: ID!) { trainingRun(id: $id) {
    evaluation { ...Mistakes } modelVersions { id }
  } } ${MISTAKES}`
  const VERSION = `query ($id: ID!, $label: String, $predicted: String, $first: Int, $after: String) {
    node(id: $id) { ... on ModelVersion { evaluation {
      mistakes(label: $label, predicted: $predicted, first: $first, after: $after) {
        totalCount edges { cursor node { index label predicted sample { label image } } } pageInfo { hasNextPage }
      }
    } } }
  }`
  const wrong = (matrix: number[][]) =>
    matrix.flatMap((row, c) => row.filter((_, p) => p !== c)).reduce((a, b) => a + b)

  let id: string
  let versionId: string
  beforeAll(async () => {
    // It learns next to nothing.
    id = await completeRun(server, { dataset: 'tiny', learningRate: 1e-6, testLimit: 60 })
  })

  test('are all there for a run and for the version made of it, each with what every class was given', async () => {
    const { trainingRun } = await server.query(RUN, { id })
    const { evaluation, modelVersions } = trainingRun
    versionId = modelVersions[0].id
    const { node: version } = await server.query(
      `query ($id: ID!) { node(id: $id) { ... on ModelVersion { evaluation { ...Mistakes } } } } ${MISTAKES}`,
      { id: versionId },
    )
    const nodes = (of: typeof evaluation) => of.mistakes.edges.map((edge: { node: object }) => edge.node)
    expect(nodes(version.evaluation)).toEqual(nodes(evaluation))
    const { totalCount, edges } = evaluation.mistakes
    expect(totalCount).toBe(wrong(evaluation.confusionMatrix))
    expect(totalCount).toBeGreaterThan(0)
    expect(edges).toHaveLength(totalCount)
    for (const { node } of edges) {
      const given = Object.fromEntries(
        node.probabilities.map((it: { label: string; probability: number }) => [it.label, it.probability]),
      )
      expect(Object.keys(given)).toEqual(CLASSES)
      expect(given[node.predicted]).toBe(Math.max(...(Object.values(given) as number[])))
      expect([given[node.predicted], given[node.label]]).toEqual([node.confidence, node.trueConfidence])
      expect((Object.values(given) as number[]).reduce((a, b) => a + b)).toBeCloseTo(1, 5)
    }
  })

  test('are found by the cell of the confusion matrix, page by page, with their pictures', async () => {
    const { trainingRun } = await server.query(RUN, { id })
    const { confusionMatrix } = trainingRun.evaluation
    for (const [c, label] of CLASSES.entries()) {
      for (const [p, predicted] of CLASSES.entries()) {
        if (c === p) continue
        const { node } = await server.query(VERSION, { id: versionId, label, predicted, first: 2 })
        const { totalCount, edges, pageInfo } = node.evaluation.mistakes
        expect(totalCount).toBe(confusionMatrix[c][p])
        expect(pageInfo.hasNextPage).toBe(totalCount > 2)
        for (const edge of edges) {
          expect(edge.node).toMatchObject({ label, predicted, sample: { label } })
          expect(edge.node.sample.image).toMatch(/^data:image\/png;base64,/)
        }
        if (totalCount <= 2) continue
        const after = edges[1].cursor
        const next = await server.query(VERSION, { id: versionId, label, predicted, first: 2, after })
        const indexes = [...edges, ...next.node.evaluation.mistakes.edges].map((edge) => edge.node.index)
        expect(new Set(indexes).size).toBe(Math.min(4, totalCount))
        // The cursor is of this cell.
        const { errors } = await server.execute(VERSION, { id: versionId, label, first: 2, after })
        expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
      }
    }
  })

  test('of what is no class, or no mistake, are an error', async () => {
    for (const cell of [
      { label: 'cat' },
      { predicted: 'cat' },
      { label: CLASSES[0], predicted: CLASSES[0] },
    ]) {
      const { errors } = await server.execute(VERSION, { id: versionId, ...cell })
      expect(errors).toMatchObject([
        {
          message: expect.stringMatching(/^mistakes: (label|predicted) /),
          extensions: { code: 'BAD_USER_INPUT' },
        },
      ])
    }
  })

  test('are those of evaluateModel since, stay when the run is deleted, and go with the version', async () => {
    const EVALUATE = `mutation ($id: ID!) { evaluateModel(id: $id, limit: 20) {
      __typename ... on ModelVersion { evaluation { ...Mistakes } } } } ${MISTAKES}`
    const { evaluateModel } = await server.query(EVALUATE, { id: versionId })
    const { confusionMatrix, mistakes } = evaluateModel.evaluation
    expect(mistakes.totalCount).toBe(wrong(confusionMatrix))
    for (const { node } of mistakes.edges) expect(node.index).toBeLessThan(20)
    const { trainingRun } = await server.query(RUN, { id })
    expect(trainingRun.evaluation.mistakes.totalCount).toBe(wrong(trainingRun.evaluation.confusionMatrix))
    await server.query('mutation ($id: ID!) { deleteTrainingRun(id: $id) { __typename } }', { id })
    const { node } = await server.query(VERSION, { id: versionId })
    expect(node.evaluation.mistakes.totalCount).toBe(mistakes.totalCount)
    const { deleteModelVersion } = await server.query(
      'mutation ($id: ID!) { deleteModelVersion(id: $id) { __typename } }',
      { id: versionId },
    )
    expect(deleteModelVersion.__typename).toBe('ModelVersion')
  })
})
