import { afterAll, beforeAll, expect, test } from 'vitest'
import { collectEvents, completeRun, START, TINY } from '../support/runs.ts'
import { sharedServer, stopServers, type TestServer } from '../support/server.ts'

const PINNED = [{ index: 7 }, { split: 'TRAIN', index: 239 }]
const EVENTS = `subscription ($id: ID!) {
  trainingRunEvents(id: $id) {
    __typename
    ... on EpochEnded { summary { epoch } pinned { split index label probabilities { label probability } } }
  }
}`
const RUN = `query ($id: ID!) {
  trainingRun(id: $id) {
    dataset { classes }
    pinned {
      split index sample { split index label image }
      history { epoch attempt probabilities { label probability } }
    }
  }
}`
const PREDICT = `query ($id: ID!, $split: Split!, $index: Int!) {
  predict(input: { image: { sample: { dataset: "tiny", split: $split, index: $index } }, model: { runId: $id } }) {
    ... on Prediction { probabilities { label probability } }
  }
}`

let server: TestServer
beforeAll(async () => {
  server = await sharedServer()
})
afterAll(stopServers)

test('an image learns before your eyes: each epoch tells its class probabilities, and the run keeps them', async () => {
  const id = await completeRun(server, { epochs: 3, pinned: PINNED })
  const epochs = (await collectEvents(server, id, EVENTS)).filter(
    (event) => event.__typename === 'EpochEnded',
  )
  const { trainingRun } = await server.query(RUN, { id })
  expect(epochs.map(({ summary }) => summary.epoch)).toEqual([1, 2, 3])
  expect(trainingRun.pinned).toMatchObject([
    { split: 'TEST', index: 7, sample: { split: 'TEST', index: 7 } },
    { split: 'TRAIN', index: 239, sample: { image: expect.stringMatching(/^data:image\/png/) } },
  ])
  for (const [i, picture] of trainingRun.pinned.entries()) {
    expect(picture.history).toEqual(
      epochs.map(({ summary, pinned }) => {
        return { epoch: summary.epoch, attempt: 1, probabilities: pinned[i].probabilities }
      }),
    )
    for (const { pinned } of epochs) {
      const { probabilities, ...which } = pinned[i]
      expect(which).toEqual({ split: picture.split, index: picture.index, label: picture.sample.label })
      // biome-ignore lint/suspicious/noExplicitAny: the shape is that of the query
      expect(probabilities.map(({ label }: any) => label)).toEqual(trainingRun.dataset.classes)
    }
    // The weights of the last epoch are those of the model: it says the same of the same picture.
    const { predict } = await server.query(PREDICT, { id, split: picture.split, index: picture.index })
    const last = new Map<string, number>(
      // biome-ignore lint/suspicious/noExplicitAny: the shape is that of the query
      picture.history[2].probabilities.map(({ label, probability }: any) => [label, probability]),
    )
    for (const { label, probability } of predict.probabilities) {
      expect(last.get(label)).toBeCloseTo(probability, 4)
    }
  }
})

test('a run that pins nothing tells of nothing', async () => {
  const id = await completeRun(server)
  const events = await collectEvents(server, id, EVENTS)
  expect(events.flatMap(({ pinned }) => pinned ?? [])).toEqual([])
  expect((await server.query(RUN, { id })).trainingRun.pinned).toEqual([])
})

test('what cannot be pinned is refused, each with its place', async () => {
  const issues = async (pinned: object[]) => {
    const { startTrainingRun } = await server.query(START, { input: { ...TINY, dataset: 'tiny', pinned } })
    expect(startTrainingRun.__typename).toBe('ValidationError')
    return startTrainingRun.issues
  }
  const wrong = [{ index: 60 }, { split: 'TRAIN', index: 60 }, { index: -1 }, { index: 1 }, { index: 1 }]
  expect(await issues(wrong)).toEqual([
    {
      path: ['pinned', '0', 'index'],
      message: 'The test images are numbered from 0 to 59; there is no 60.',
    },
    {
      path: ['pinned', '2', 'index'],
      message: 'The test images are numbered from 0 to 59; there is no -1.',
    },
    { path: ['pinned', '4'], message: 'The same picture as pinned[3].' },
  ])
  expect(await issues(Array.from({ length: 9 }, (_, index) => ({ index })))).toEqual([
    { path: ['pinned'], message: 'At most 8 pictures, not 9.' },
  ])
})

test('an idempotency key stands for the pinned pictures too', async () => {
  const start = async (pinned: object[]) =>
    (await server.query(START, { input: { ...TINY, dataset: 'tiny', pinned, idempotencyKey: 'watching' } }))
      .startTrainingRun
  const first = await start(PINNED)
  expect(first.__typename).toBe('TrainingRun')
  expect(await start(PINNED)).toMatchObject({ id: first.id })
  expect(await start(PINNED.slice(1))).toMatchObject({
    __typename: 'ConflictError',
    message: expect.stringMatching(/was used for another run/),
  })
})
