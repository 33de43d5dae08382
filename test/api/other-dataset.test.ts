import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { collectEvents, completeRun } from '../support/runs.ts'
import { sharedServer, stopServers, type TestServer } from '../support/server.ts'

/*
 * A data set whose module is named by DATASET_SOURCES: images that are not square, another number of classes, another
 * number of images than the one that is built in.
 */

const CLASSES = ['red disc', 'green square', 'blue triangle']
const COUNT = { train: 240, test: 60 }
const NORMALIZATION = { mean: [0.32, 0.336, 0.304], std: [0.167, 0.189, 0.139] }

let server: TestServer
let id: string
beforeAll(async () => {
  server = await sharedServer()
  id = await completeRun(server, {
    dataset: 'tiny',
    epochs: 3,
    learningRate: 0.02,
    trainLimit: COUNT.train,
    testLimit: COUNT.test,
    pinned: [{ index: COUNT.test - 1 }],
  })
})
afterAll(stopServers)

async function pngOf(dataUrl: string) {
  const { info, data } = await sharp(Buffer.from(dataUrl.split(',')[1], 'base64'))
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { info, data }
}

test('it is listed with its facts, and draws its images', async () => {
  const { datasets, trainingRun } = await server.query(
    `query ($id: ID!) {
      datasets { name classes trainCount testCount imageShape state source }
      trainingRun(id: $id) { dataset { samples(split: TEST, count: 3, seed: 1) { label image(scale: 2) } } }
    }`,
    { id },
  )
  const [builtIn, tiny] = datasets
  expect(builtIn.name).toBe('cifar10')
  expect(tiny).toMatchObject({
    name: 'tiny',
    classes: CLASSES,
    trainCount: COUNT.train,
    testCount: COUNT.test,
    imageShape: [16, 24, 3],
    state: 'READY',
    source: 'drawn from a seed',
  })
  for (const { label, image } of trainingRun.dataset.samples) {
    const { info, data } = await pngOf(image)
    expect(info).toMatchObject({ width: 2 * 24, height: 2 * 16, channels: 3 })
    // The shape's colour is the brightest of its picture.
    const brightest = [0, 1, 2].map((channel) =>
      Math.max(...data.filter((_, i) => i % 3 === channel).values()),
    )
    expect(CLASSES[brightest.indexOf(Math.max(...brightest))]).toBe(label)
  }
})

test('the images of each class are counted once it is there, and not before', async () => {
  const { datasets } = await server.query('{ datasets { state classCounts { label train test } } }')
  // Behind these two are those that others made.
  expect(datasets.slice(0, 2)).toEqual([
    // Whoever shares the server may have asked for it, and it cannot be had here.
    { state: expect.stringMatching(/^(MISSING|FAILED)$/), classCounts: null },
    { state: 'READY', classCounts: CLASSES.map((label) => ({ label, train: 80, test: 20 })) },
  ])
})

test('a network fitted to it learns it, step by step', async () => {
  const { trainingRun } = await server.query(
    `query ($id: ID!) { trainingRun(id: $id) {
      dataset { name } progress { step steps }
      epochs { epoch testAccuracy }
      evaluation { dataset { name } accuracy count perClass { label count } confusionMatrix }
      pinned { sample { label } history { probabilities { label } } }
      modelVersions { preprocessing { size labels mean std } }
    } }`,
    { id },
  )
  expect(trainingRun.dataset.name).toBe('tiny')
  expect(trainingRun.progress).toEqual({ step: 45, steps: 45 })
  expect(trainingRun.epochs.at(-1).testAccuracy).toBeGreaterThan(0.9)
  expect(trainingRun.evaluation).toMatchObject({
    dataset: { name: 'tiny' },
    count: COUNT.test,
    perClass: CLASSES.map((label) => ({ label, count: COUNT.test / 3 })),
  })
  expect(trainingRun.evaluation.confusionMatrix).toHaveLength(3)
  expect(trainingRun.pinned).toMatchObject([{ sample: { label: CLASSES[2] } }])
  expect(trainingRun.pinned[0].history).toHaveLength(3)
  for (const { probabilities } of trainingRun.pinned[0].history) {
    expect(probabilities.map(({ label }: { label: string }) => label)).toEqual(CLASSES)
  }
  expect(trainingRun.modelVersions).toMatchObject([
    // Its own means and deviations, not those of another data set.
    { preprocessing: { size: [16, 24], labels: CLASSES, ...NORMALIZATION } },
  ])
  const losses = (await collectEvents(server, id)).flatMap(({ points }) => points ?? [])
  expect(losses).toHaveLength(45)
})

test('its model is evaluated on it when no data set is named, and tells samples and pictures apart', async () => {
  const { trainingRun } = await server.query(
    'query ($id: ID!) { trainingRun(id: $id) { evaluation { accuracy } modelVersions { id } } }',
    { id },
  )
  const [version] = trainingRun.modelVersions
  const { evaluateModel } = await server.query(
    `mutation ($id: ID!) { evaluateModel(id: $id) {
      ... on ModelVersion { evaluation { dataset { name } count accuracy } } ... on Error { message }
    } }`,
    { id: version.id },
  )
  const { accuracy } = trainingRun.evaluation
  expect(evaluateModel.evaluation).toEqual({ dataset: { name: 'tiny' }, count: COUNT.test, accuracy })

  const predict = async (image: object) => {
    const result = await server.query(
      `query ($input: PredictInput!) { predict(input: $input) {
        ... on Prediction { label probabilities { label } } ... on Error { message }
      } }`,
      { input: { image, model: { versionId: version.id } } },
    )
    return result.predict
  }
  // The test images are of each class in turn.
  const labels = []
  for (let index = 0; index < 9; index++) {
    const { label, probabilities } = await predict({ sample: { dataset: 'tiny', split: 'TEST', index } })
    expect(probabilities).toHaveLength(3)
    labels.push(label)
  }
  expect(labels.filter((label, index) => label === CLASSES[index % 3]).length).toBeGreaterThan(6)

  // A picture of another size and shape than the data set's.
  const green = { r: 60, g: 220, b: 60 }
  const square = { create: { width: 120, height: 120, channels: 3 as const, background: green } }
  const picture = await sharp({ create: { width: 320, height: 240, channels: 3, background: '#404040' } })
    .composite([{ input: await sharp(square).png().toBuffer() }])
    .png()
    .toBuffer()
  expect(await predict({ base64: picture.toString('base64') })).toMatchObject({ label: 'green square' })
})

test('what it does not have is refused in its own numbers', async () => {
  const start = `mutation ($input: StartTrainingRunInput!) { startTrainingRun(input: $input) {
    ... on TrainingRun { id } ... on ValidationError { issues { path message } }
  } }`
  const { startTrainingRun } = await server.query(start, {
    input: { architecture: 'vgg_mini', dataset: 'tiny', pinned: [{ index: COUNT.test }] },
  })
  expect(startTrainingRun.issues).toMatchObject([{ path: ['pinned', '0', 'index'] }])
  expect(startTrainingRun.issues[0].message).toMatch(/\b59\b|\b60\b/)
  // Five pools leave nothing of an image that is 16 pixels high.
  const deep = await server.query(start, { input: { architecture: 'vgg16_cifar', dataset: 'tiny' } })
  expect(deep.startTrainingRun.issues).toMatchObject([{ path: ['architecture'] }])
})

test('it shows what a network would see of an image: as it is, mirrored, or with anything else done to it', async () => {
  const AUGMENTED = `query ($augmentation: AugmentationInput!, $index: Int! = 7, $count: Int! = 16, $seed: Int) {
    dataset(name: "tiny") {
      augmented(split: TEST, index: $index, count: $count, seed: $seed, augmentation: $augmentation, scale: 1)
    }
  }`
  const ask = async (variables: Record<string, unknown>) => {
    const { data, errors } = await server.execute(AUGMENTED, variables)
    return { pictures: data?.dataset?.augmented as string[], errors }
  }
  const pixels = async (url: string) => (await pngOf(url)).data
  const { dataset } = await server.query(
    '{ dataset(name: "tiny") { images(split: TEST, first: 8) { edges { node { image(scale: 1) } } } } }',
  )
  const original = await pixels(dataset.images.edges[7].node.image)
  const mirrored = Buffer.from(original)
  for (let at = 0; at < original.length; at += 3) {
    const [row, x] = [Math.floor(at / 72), (at % 72) / 3]
    original.copy(mirrored, row * 72 + (23 - x) * 3, at, at + 3)
  }

  const same = await ask({ augmentation: {} })
  expect(same.pictures).toHaveLength(16)
  for (const picture of same.pictures) expect((await pixels(picture)).equals(original)).toBe(true)
  const flips = await ask({ augmentation: { horizontalFlip: true } })
  const seen = await Promise.all(flips.pictures.map(pixels))
  const isMirrored = seen.map((picture) => picture.equals(mirrored))
  expect(seen.map((picture) => picture.equals(original))).toEqual(isMirrored.map((it) => !it))
  expect(new Set(isMirrored).size).toBe(2)

  const augmentation = { rotation: 20, scale: 0.2, hue: 0.1, erasing: 0.5, mixup: 1 }
  const { pictures } = await ask({ augmentation })
  expect(new Set(pictures).size).toBe(16)
  expect((await ask({ augmentation })).pictures).toEqual(pictures)
  expect((await ask({ augmentation, count: 3 })).pictures).toHaveLength(3)
  expect((await ask({ augmentation, seed: 1 })).pictures).not.toEqual(pictures)
  for (const [wrong, what] of [
    [{ index: COUNT.test }, 'index must be from 0 to 59, not 60.'],
    [{ count: 17 }, 'count must be from 1 to 16, not 17.'],
    [{ augmentation: { hue: 0.7 } }, /^augmentation: hue: /],
  ] as const) {
    const { errors } = await ask({ augmentation, ...wrong })
    expect(errors?.[0]).toMatchObject({
      message: expect.stringMatching(what),
      extensions: { code: 'BAD_USER_INPUT' },
    })
  }
})
