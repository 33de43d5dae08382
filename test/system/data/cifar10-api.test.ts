import { afterAll, beforeAll, expect, test } from 'vitest'
import { completeRun, START, TINY } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'

/*
 * What the API says of CIFAR-10 itself, the data set of whoever names none; the tests of the API as such are in test/api,
 * on a smaller one.
 */

const CLASSES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck']

let server: TestServer
let id: string
beforeAll(async () => {
  server = await startServer({ dataset: 'cifar10' })
  id = await completeRun(server, { dataset: undefined, pinned: [{ split: 'TRAIN', index: 49_999 }] })
})
afterAll(stopServers)

test('shows its facts and real images', async () => {
  const { datasets } = await server.query(
    '{ datasets { name state digest classes trainCount testCount imageShape samples(count: 3, seed: 1) { label image(scale: 2) } } }',
  )
  const [{ samples, ...facts }] = datasets
  expect(facts).toEqual({
    name: 'cifar10',
    state: 'READY',
    digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    classes: CLASSES,
    trainCount: 50_000,
    testCount: 10_000,
    imageShape: [32, 32, 3],
  })
  for (const { label, image } of samples) {
    expect(CLASSES).toContain(label)
    expect(image).toMatch(/^data:image\/png;base64,/)
  }
})

test('trains and evaluates a run that names no data set', async () => {
  const { trainingRun, runLog } = await server.query(
    `query ($id: ID!) {
      trainingRun(id: $id) {
        dataset { name }
        evaluation { count perClass { label } }
        pinned { index sample { label } history { probabilities { label } } }
        modelVersions { preprocessing { size labels } }
      }
      runLog(id: $id) { lines { text } }
    }`,
    { id },
  )
  expect(trainingRun).toMatchObject({
    dataset: { name: 'cifar10' },
    evaluation: { count: TINY.testLimit, perClass: CLASSES.map((label) => ({ label })) },
    // The last training image is of a car.
    pinned: [
      {
        index: 49_999,
        sample: { label: 'automobile' },
        history: [{ probabilities: CLASSES.map((label) => ({ label })) }],
      },
    ],
    modelVersions: [{ preprocessing: { size: [32, 32], labels: CLASSES } }],
  })
  expect(runLog.lines.map(({ text }: { text: string }) => text)).toContain(
    'Data set: 64 of 50,000 training and 32 of 10,000 test images of 32x32x3',
  )
})

test('gives the probability of each of its classes for a picture', async () => {
  const { predict } = await server.query(
    '{ predict(input: { image: { sample: { index: 5 } } }) { ... on Prediction { probabilities { label } } } }',
  )
  expect(predict.probabilities.map(({ label }: { label: string }) => label).sort()).toEqual(CLASSES)
})

test('numbers its images from 0 to 9,999 where one is pinned', async () => {
  const { startTrainingRun } = await server.query(START, {
    input: { ...TINY, pinned: [{ index: 10_000 }] },
  })
  expect(startTrainingRun.issues).toEqual([
    {
      path: ['pinned', '0', 'index'],
      message: 'The test images are numbered from 0 to 9999; there is no 10000.',
    },
  ])
})
