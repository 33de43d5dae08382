import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { START, TINY } from '../support/runs.ts'
import { type GraphQLResult, sharedServer, stopServers, type TestServer } from '../support/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await sharedServer()
})
afterAll(stopServers)

const base64 = (text: string) => Buffer.from(text).toString('base64')
const NOT_THERE = base64('TrainingRun:0194a000-0000-7000-8000-000000000000')
const ARCHITECTURE = base64('Architecture:vgg16')
const SAMPLE = '{ sample: { index: 1 } }'

async function refusal(query: string, variables?: Record<string, unknown>): Promise<string | undefined> {
  const { errors } = await server.execute(query, variables)
  return `${errors?.[0].extensions?.code}: ${errors?.[0].message}`
}

describe('an object that is not there', () => {
  test('is null for node, and for its place in nodes', async () => {
    expect(await server.execute(`{ node(id: "${NOT_THERE}") { id } }`)).toEqual({ data: { node: null } })
    const query = `{ nodes(ids: ["${NOT_THERE}", "${ARCHITECTURE}", "${base64('Prediction:x')}"]) { id } }`
    expect(await server.execute(query)).toEqual({ data: { nodes: [null, { id: ARCHITECTURE }, null] } })
  })
})

describe('what is wrong with an argument is said with BAD_USER_INPUT', () => {
  test.each([
    ['text that is no id', 'nonsense'],
    ['an id of a type that does not exist', base64('Nothing:1')],
    ['an id of a type that has no ids', base64('ValidationError:1')],
    ['an id of an interface', base64('Node:1')],
    ['an id with a character that no id has', base64('TrainingRun:\0')],
  ])('for %s', async (_name, id) => {
    expect(await refusal(`{ node(id: "${id}") { id } }`)).toMatch(
      /^BAD_USER_INPUT: .* is not an id of this API/,
    )
    expect(await refusal(`{ nodes(ids: ["${id}"]) { id } }`)).toMatch(/^BAD_USER_INPUT/)
    expect(await refusal(`{ trainingRun(id: "${id}") { id } }`)).toMatch(/^BAD_USER_INPUT/)
    const predict = `{ predict(input: { image: ${SAMPLE}, model: { runId: "${id}" } }) { __typename } }`
    expect(await refusal(predict)).toMatch(/^BAD_USER_INPUT/)
  })

  test('for an id of another type than the argument wants', async () => {
    for (const query of [
      `{ trainingRun(id: "${ARCHITECTURE}") { id } }`,
      `{ predictions(modelVersion: "${ARCHITECTURE}") { totalCount } }`,
      `{ predict(input: { image: ${SAMPLE}, model: { versionId: "${NOT_THERE}" } }) { __typename } }`,
      `mutation { cancelTrainingRun(id: "${ARCHITECTURE}") { __typename } }`,
    ]) {
      expect(await refusal(query)).toMatch(/^BAD_USER_INPUT: .* is not of type/)
    }
  })

  test('for a cursor of a page that is none of this connection', async () => {
    const list = (await server.query('{ architectures(first: 1) { pageInfo { endCursor } } }')).architectures
    for (const cursor of [
      'nonsense',
      '',
      base64('Query.trainingRuns:\0'),
      base64(`Query.trainingRuns:${2 ** 40}`),
      base64('Query.trainingRuns:1.5'),
      list.pageInfo.endCursor,
    ]) {
      for (const side of ['after', 'before']) {
        const query = `query ($cursor: String) { trainingRuns(${side}: $cursor) { edges { cursor } } }`
        expect(await refusal(query, { cursor })).toMatch(/^BAD_USER_INPUT/)
      }
    }
  })

  test('for variables that are missing or have the wrong type', async () => {
    expect(await refusal('query ($id: ID!) { trainingRun(id: $id) { id } }')).toMatch(/^BAD_USER_INPUT/)
    const paged = 'query ($n: Int) { trainingRuns(first: $n) { totalCount edges { cursor } } }'
    expect(await refusal(paged, { n: 3e9 })).toMatch(/^BAD_USER_INPUT/)
    expect(await refusal(START, { input: { ...TINY, dataset: 'tiny', schedule: {} } })).toMatch(
      /^BAD_USER_INPUT/,
    )
    const upload = 'query ($f: File!) { predict(input: { image: { upload: $f } }) { __typename } }'
    expect(await refusal(upload, { f: 'text' })).toMatch(/^BAD_USER_INPUT/)
  })

  test('for numbers out of their range', async () => {
    expect(await refusal('{ datasets { samples(count: 0) { index } } }')).toMatch(/^BAD_USER_INPUT: count/)
    expect(await refusal('{ datasets { samples(count: 1) { image(scale: 17) } } }')).toMatch(
      /^BAD_USER_INPUT: scale/,
    )
    const ids = Array.from({ length: 101 }, () => ARCHITECTURE)
    expect(await refusal('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids })).toMatch(
      /^BAD_USER_INPUT: nodes/,
    )
  })

  test('for a request that is none', async () => {
    const answer = async (init: RequestInit) => {
      const response = await fetch(`${server.url}/graphql`, init)
      return ((await response.json()) as GraphQLResult).errors?.[0].extensions
    }
    const headers = { 'content-type': 'application/json' }
    expect(await answer({ method: 'POST', headers, body: '{' })).toEqual({ code: 'BAD_USER_INPUT' })
    expect(await answer({ method: 'PUT' })).toEqual({ code: 'BAD_USER_INPUT' })
    const query = 'query A { __typename } query B { __typename }'
    expect(await answer({ method: 'POST', headers, body: JSON.stringify({ query }) })).toEqual({
      code: 'BAD_USER_INPUT',
    })
  })
})

describe('startTrainingRun', () => {
  const issues = async (input: object) => {
    const { startTrainingRun } = await server.query(START, { input: { ...TINY, dataset: 'tiny', ...input } })
    return startTrainingRun.issues?.map(({ path }: { path: string[] }) => path.join('.'))
  }

  test('names the fields that lead to a wrong value as the input has them', async () => {
    expect(await issues({ optimizer: { sgd: { momentum: 1 } } })).toEqual(['optimizer.sgd.momentum'])
    expect(await issues({ optimizer: { sgd: { momentum: 0, nesterov: true } } })).toEqual([
      'optimizer.sgd.nesterov',
    ])
    expect(await issues({ optimizer: { adam: { epsilon: 0, beta1: -1 } } })).toEqual([
      'optimizer.adam.beta1',
      'optimizer.adam.epsilon',
    ])
    expect(await issues({ schedule: { oneCycle: { warmupFraction: 0 } } })).toEqual([
      'schedule.oneCycle.warmupFraction',
    ])
    expect(await issues({ schedule: { constant: false } })).toEqual(['schedule.constant'])
    expect(await issues({ augmentation: { cropPadding: 99 } })).toEqual(['augmentation.cropPadding'])
    for (const weights of [[1, 2], [], [1, 2, 3, 0]]) {
      expect(await issues({ classWeights: { weights } })).toContain('classWeights')
    }
    const wrong = { rotation: 181, scale: 1, resizedCrop: -0.1, hue: 0.6, erasing: 1.1, mixup: -1 }
    expect(await issues({ augmentation: wrong })).toEqual(
      Object.keys(wrong).map((field) => `augmentation.${field}`),
    )
  })

  test('names all wrong values at once, a false `constant` too', async () => {
    expect(await issues({ epochs: 0, schedule: { constant: false } })).toEqual([
      'epochs',
      'schedule.constant',
    ])
  })

  test('refuses numbers that are none', async () => {
    const { startTrainingRun } = await server.query(`mutation {
      startTrainingRun(input: { architecture: "vgg_mini", learningRate: 1e999 }) {
        ... on ValidationError { issues { path } }
      }
    }`)
    expect(startTrainingRun.issues).toEqual([{ path: ['learningRate'] }])
  })

  test('takes no name of an architecture, data set or preset from the insides of JavaScript', async () => {
    const insides = { architecture: '__proto__', dataset: 'constructor' }
    expect(await issues(insides)).toEqual(['architecture', 'dataset'])
    expect(await issues({ preset: 'toString' })).toEqual(['preset'])
  })
})

test('a filter by an architecture that no zoo has finds nothing', async () => {
  const query = 'query ($name: String) { trainingRuns(architecture: $name) { totalCount edges { cursor } } }'
  for (const name of ['vgg99', '']) {
    expect((await server.query(query, { name })).trainingRuns).toEqual({ totalCount: 0, edges: [] })
  }
})
