import { afterAll, beforeAll, expect, test } from 'vitest'
import { completeRun, startRun } from '../support/runs.ts'
import { sharedServer, stopServers, type TestServer } from '../support/server.ts'

const COMPARE = `query Compare($ids: [ID!]!, $axis: CurveAxis! = EPOCHS, $maxPoints: Int! = 200) {
  compareTrainingRuns(ids: $ids) {
    __typename
    ... on RunComparison {
      runs { id }
      differences { path values }
      epochs { epoch summaries { epoch testAccuracy } }
      losses(axis: $axis, maxPoints: $maxPoints) { x losses }
      figures {
        run { id } bestTestAccuracy bestEpoch lastTestAccuracy bestTestLoss lastTestLoss seconds imagesPerSecond
        evaluation { accuracy loss }
      }
    }
    ... on ValidationError { issues { path message } }
    ... on Error { message }
  }
}`

let server: TestServer
let one: string
let two: string
beforeAll(async () => {
  server = await sharedServer()
  one = await completeRun(server)
  two = await completeRun(server, { epochs: 2, trainLimit: 32, learningRate: 0.01, optimizer: { adam: {} } })
})
afterAll(stopServers)

const compare = async (ids: string[], more: object = {}) =>
  (await server.query(COMPARE, { ids, ...more })).compareTrainingRuns

test('two runs stand side by side with what differs, their curves and what they came to', async () => {
  const { runs, differences, epochs, losses, figures } = await compare([two, one])
  expect(runs).toEqual([{ id: two }, { id: one }])
  const different = Object.fromEntries(
    differences.map(({ path, values }: { path: string; values: unknown }) => [path, values]),
  )
  expect(different).toMatchObject({
    epochs: ['2', '1'],
    learningRate: ['0.01', '0.1'],
    trainLimit: ['32', '64'],
    'optimizer.kind': ['adam', 'sgd'],
    'optimizer.beta1': ['0.9', null],
    'optimizer.momentum': [null, '0.9'],
  })
  for (const same of ['architecture', 'seed', 'engine', 'datasetDigest', 'batchSize'])
    expect(different).not.toHaveProperty(same)

  expect(epochs).toMatchObject([
    { epoch: 1, summaries: [{ epoch: 1 }, { epoch: 1 }] },
    { epoch: 2, summaries: [{ epoch: 2 }, null] },
  ])
  expect(losses.map(({ x }: { x: number }) => x)).toEqual([0.25, 0.5, 0.75, 1, 1.5, 2])

  const { trainingRun } = await server.query(
    `{ trainingRun(id: "${two}") { losses { loss } epochs { testAccuracy testLoss seconds } } }`,
  )
  const point = trainingRun.losses.map(({ loss }: { loss: number }) => loss)
  const curve = losses.map((row: { losses: unknown[] }) => row.losses[0])
  expect(curve).toEqual([null, point[0], point[0], point[1], point[2], point[3]])
  expect(losses.at(-1).losses[1]).toBeNull()

  const [first, second] = trainingRun.epochs
  expect(figures[0]).toMatchObject({
    run: { id: two },
    bestTestAccuracy: Math.max(first.testAccuracy, second.testAccuracy),
    lastTestAccuracy: second.testAccuracy,
    bestTestLoss: Math.min(first.testLoss, second.testLoss),
    lastTestLoss: second.testLoss,
    seconds: first.seconds + second.seconds,
    evaluation: { accuracy: second.testAccuracy, loss: second.testLoss },
  })
  expect(figures[0].imagesPerSecond).toBeGreaterThan(0)
})

test('curves by images seen stand where both runs had seen as many', async () => {
  const { losses } = await compare([one, two], { axis: 'IMAGES' })
  expect(losses.map(({ x }: { x: number }) => x)).toEqual([16, 32, 48, 64])
  const whole = (row: { losses: unknown[] }) => row.losses.every((loss) => typeof loss === 'number')
  expect(losses.every(whole)).toBe(true)
  const { losses: thinned } = await compare([one, two], { axis: 'IMAGES', maxPoints: 2 })
  expect(thinned).toEqual([losses[1], losses[3]])
})

test('a run that waits is compared as far as it is', async () => {
  await startRun(server, { epochs: 1000 })
  const waiting = await startRun(server, { seed: 8 })
  const { differences, epochs, figures } = await compare([one, waiting])
  expect(differences.map(({ path }: { path: string }) => path)).toEqual(['datasetDigest', 'seed', 'engine'])
  expect(epochs).toMatchObject([{ epoch: 1, summaries: [{ epoch: 1 }, null] }])
  expect(figures[1]).toMatchObject({
    run: { id: waiting },
    bestTestAccuracy: null,
    seconds: 0,
    evaluation: null,
  })
})

test('too few runs, one twice, and one that there is not are refused', async () => {
  expect(await compare([one])).toMatchObject({
    __typename: 'ValidationError',
    issues: [{ path: ['ids'], message: '2 to 10 runs, not 1.' }],
  })
  expect(await compare([one, two, one])).toMatchObject({
    __typename: 'ValidationError',
    issues: [{ path: ['ids', '2'] }],
  })
  const missing = Buffer.from('TrainingRun:00000000-0000-7000-8000-000000000000').toString('base64')
  expect(await compare([one, missing])).toMatchObject({
    __typename: 'NotFoundError',
    message: expect.stringContaining('ids.1'),
  })
  const { errors } = await server.execute(COMPARE, { ids: [one, two], maxPoints: 0 })
  expect(errors?.[0]).toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } })
})
