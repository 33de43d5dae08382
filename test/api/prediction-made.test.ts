import { beforeAll, describe, expect, test } from 'vitest'
import { PredictionFailedError } from '../../src/predictor/errors.ts'
import { RUN_ROW, useDatabase } from '../support/database.ts'
import { type InProcess, openInProcess, outcomeOf, VERSION_ROW } from '../support/in-process.ts'

const db = useDatabase()
const global = (type: string, id: string) => Buffer.from(`${type}:${id}`).toString('base64')
let api: InProcess
let versions: string[]
let answers = 0
beforeAll(async () => {
  const predict = async () => outcomeOf(`answer ${++answers}`)
  api = await openInProcess(db.prisma, db.folder, { predict })
  const { id: modelId } = await db.prisma.model.create({ data: { name: 'asked' } })
  versions = []
  for (const version of [1, 2]) {
    const { id } = await db.prisma.modelVersion.create({ data: { ...VERSION_ROW, modelId, version } })
    versions.push(global('ModelVersion', id))
  }
})

const predict = async (kind: 'mutation' | 'query', version = versions[0]) => {
  const input = `image: { base64: "AAAA" }, model: { versionId: "${version}" }`
  const data = await api.query(`${kind} { predict(input: { ${input} }) { ... on Prediction { label } } }`)
  return data.predict.label as string
}
const FIELDS = 'cursor node { label confidence input modelVersion { version } probabilities { label } }'
const follow = (args = '') => api.subscribe(`subscription { predictionMade${args} { ${FIELDS} } }`)
async function take(stream: AsyncIterableIterator<{ data?: { predictionMade: Made } }>, count: number) {
  const made: Made[] = []
  for (let i = 0; i < count; i++) made.push((await stream.next()).value.data.predictionMade)
  return made
}
interface Made {
  cursor: string
  node: { label: string; modelVersion: { version: number } }
}
const labels = (made: Made[]) => made.map(({ node }) => node.label)

describe('predictionMade', () => {
  test('tells of each that is stored from now on, once and in order, however slowly it is read', async () => {
    await predict('mutation')
    const stream = await follow()
    const stored: string[] = []
    await predict('query')
    for (let i = 0; i < 40; i++) stored.push(await predict('mutation', versions[i % 2]))
    const made = await take(stream, 20)
    stored.push(await predict('mutation'))
    made.push(...(await take(stream, 21)))
    expect(labels(made)).toEqual(stored)
    expect(made[1]!.node).toMatchObject({ confidence: 1, modelVersion: { version: 2 } })
    // One that waits hears of the next.
    const next = take(stream, 1)
    const label = await predict('mutation')
    expect(labels(await next)).toEqual([label])
    const waiting = stream.next()
    await stream.return?.()
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(api.predictions.listenerCount).toBe(0)
  })

  test('goes on behind a cursor of its own or of the list, of one version or of all', async () => {
    const { predictions } = await api.query('{ predictions(first: 1) { edges { cursor } } }')
    const after = predictions.edges[0].cursor
    const stored = [
      await predict('mutation'),
      await predict('mutation', versions[1]),
      await predict('mutation'),
    ]
    const all = await follow(`(after: "${after}")`)
    const made = await take(all, 3)
    expect(labels(made)).toEqual(stored)
    await all.return?.()
    const rest = await follow(`(after: "${made[0]!.cursor}", modelVersion: "${versions[0]}")`)
    expect(labels(await take(rest, 1))).toEqual([stored[2]])
    await rest.return?.()
    const list = await api.query(
      `{ predictions(first: 2, after: "${made[2]!.cursor}") { edges { node { label } } } }`,
    )
    expect(list.predictions.edges.map(({ node }: Made) => node.label)).toEqual([stored[1], stored[0]])
  })

  test('refuses a version that is not there, and what is no cursor of it', async () => {
    const missing = global('ModelVersion', '0194a000-0000-7000-8000-000000000000')
    await expect(follow(`(modelVersion: "${missing}")`)).rejects.toThrow(/There is no model version/)
    await db.prisma.trainingRun.create({ data: RUN_ROW })
    const { trainingRuns } = await api.query('{ trainingRuns(first: 1) { edges { cursor } } }')
    for (const cursor of ['nonsense', '', trainingRuns.edges[0].cursor]) {
      await expect(follow(`(after: "${cursor}")`)).rejects.toThrow(/not a cursor of this list/)
    }
    const ahead = Buffer.from('Query.predictions:1000000').toString('base64url')
    await expect(follow(`(after: "${ahead}")`)).rejects.toThrow(/ahead of all predictions/)
    expect(api.predictions.listenerCount).toBe(0)
  })
})

test('a picture that ends the predictor process has an error of its own type, alone and among others', async () => {
  const predict = () =>
    Promise.reject(new PredictionFailedError('The predictor process ended twice with it.'))
  const deadly = await openInProcess(db.prisma, db.folder, { predict })
  const failed = '__typename ... on PredictionFailedError { message }'
  const data = await deadly.query(`{
    predict(input: { image: { base64: "AAAA" } }) { ${failed} }
    predictMany(input: { images: [{ base64: "AAAA" }, { base64: "***" }] }) {
      ... on PredictionBatch { results { ${failed} } }
    }
  }`)
  const failure = {
    __typename: 'PredictionFailedError',
    message: 'The predictor process ended twice with it.',
  }
  expect(data).toEqual({
    predict: failure,
    predictMany: { results: [failure, { __typename: 'ValidationError' }] },
  })
})
