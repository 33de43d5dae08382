import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { withDatasetFile } from '../../src/data/dataset-file.ts'
import { readImages } from '../../src/data/read-images.ts'
import { selectEngine } from '../../src/engine/select.ts'
import { findArchitecture } from '../../src/zoo/catalog.ts'
import { fitArchitecture } from '../../src/zoo/fit.ts'
import { buildModel } from '../../src/zoo/model.ts'
import { openSafetensors } from '../../src/zoo/safetensors-file.ts'
import { loadWeights } from '../../src/zoo/weights.ts'
import { completeRun } from '../support/runs.ts'
import { sharedServer, stopServers, type TestServer } from '../support/server.ts'

const CLASSES = ['red disc', 'green square', 'blue triangle']
const [HEIGHT, WIDTH] = [16, 24]
const TRAINING_PICTURES = 240

let server: TestServer
let version: { id: string; digest: string; preprocessing: { mean: number[]; std: number[] } }
beforeAll(async () => {
  server = await sharedServer()
  const run = await completeRun(server, { seed: 21 })
  const { trainingRun } = await server.query(
    'query ($run: ID!) { trainingRun(id: $run) { modelVersions { id digest preprocessing { mean std } } } }',
    { run },
  )
  version = trainingRun.modelVersions[0]
})
afterAll(stopServers)

/** Asks fields of the prediction of a picture by the version above. */
function predict(fields: string, image: object = { sample: { dataset: 'tiny', split: 'TEST', index: 5 } }) {
  return server.execute(
    `query ($input: PredictInput!) { predict(input: $input) { ... on Prediction { ${fields} } ... on Error { message } } }`,
    { input: { image, model: { versionId: version.id } } },
  )
}

async function predicted(fields: string, image?: object) {
  const { data, errors } = await predict(fields, image)
  expect(errors).toBeUndefined()
  return data.predict
}

const pixelsOf = async (url: string) => {
  const { data, info } = await sharp(Buffer.from(url.split(',')[1]!, 'base64'))
    .raw()
    .toBuffer({ resolveWithObject: true })
  expect([info.height, info.width, info.channels]).toEqual([HEIGHT, WIDTH, 3])
  return data
}

describe('the saliency of a prediction', () => {
  test('is of its most likely class, and of any other that is asked for; a heat map shows it', async () => {
    const { label, ...found } = await predicted(`label
      own: saliency(method: GRADIENT) { method class values image }
      ${CLASSES.map((name, i) => `of${i}: saliency(method: GRADIENT, class: "${name}") { class values }`).join('\n')}
      cam: saliency(method: GRAD_CAM) { method class values }`)
    expect(found.own).toMatchObject({ method: 'GRADIENT', class: label })
    expect(found.cam).toMatchObject({ method: 'GRAD_CAM', class: label })
    expect(found[`of${CLASSES.indexOf(label)}`].values).toEqual(found.own.values)
    expect(new Set(CLASSES.map((_, i) => JSON.stringify(found[`of${i}`].values))).size).toBe(3)
    for (const { values } of [found.own, found.cam]) {
      expect(values).toHaveLength(HEIGHT)
      for (const row of values) expect(row).toHaveLength(WIDTH)
      expect(Math.min(...values.flat())).toBeGreaterThanOrEqual(0)
    }
    // Where the gradient is greatest nothing but the colour is seen.
    const flat: number[] = found.own.values.flat()
    const most = flat.indexOf(Math.max(...flat))
    const drawn = await pixelsOf(found.own.image)
    expect([...drawn.subarray(most * 3, most * 3 + 3)]).toEqual([213, 94, 0])
  })

  test('by occlusion is what predictions of the same picture with grey squares in it say', async () => {
    const answer = await predicted(
      'input label probabilities { label probability } saliency(method: OCCLUSION) { class values }',
    )
    const picture = await pixelsOf(answer.input)
    const of = ({ probabilities }: { probabilities: { label: string; probability: number }[] }) =>
      probabilities.find(({ label }) => label === answer.label)!.probability
    // In the corner lies one square alone: 4 x 6 pixels, moved by 2 and 3.
    for (const [top, left, at] of [
      [0, 0, [0, 0]],
      [HEIGHT - 4, WIDTH - 6, [HEIGHT - 1, WIDTH - 1]],
    ] as const) {
      const hidden = Buffer.from(picture)
      for (let y = top; y < top + 4; y++) hidden.fill(128, (y * WIDTH + left) * 3, (y * WIDTH + left + 6) * 3)
      const png = await sharp(hidden, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
        .png()
        .toBuffer()
      const without = await predicted('probabilities { label probability }', {
        base64: png.toString('base64'),
      })
      expect(answer.saliency.values[at[0]][at[1]]).toBeCloseTo(of(answer) - of(without), 6)
    }
  })

  test('by occlusion of many pictures at once overloads nobody', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        predicted('saliency(method: OCCLUSION) { class }', {
          sample: { dataset: 'tiny', split: 'TEST', index },
        }),
      ),
    )
    for (const { saliency } of answers) expect(CLASSES).toContain(saliency.class)
  })

  test('of a stored prediction is the same, whenever it is asked for', async () => {
    const fields = 'saliency(method: GRAD_CAM) { values image }'
    const now = await predicted(fields)
    const input = {
      image: { sample: { dataset: 'tiny', split: 'TEST', index: 5 } },
      model: { versionId: version.id },
    }
    const { predict: stored } = await server.query(
      'mutation ($input: PredictInput!) { predict(input: $input) { ... on Prediction { id } } }',
      { input },
    )
    const { node } = await server.query(
      `query ($id: ID!) { node(id: $id) { ... on Prediction { ${fields} } } }`,
      {
        id: stored.id,
      },
    )
    expect(node).toEqual(now)
  })

  test.each(['GRADIENT', 'GRAD_CAM', 'OCCLUSION'])(
    'by %s for a class that the model does not know is an error that names those it knows',
    async (method) => {
      for (const name of ['cat', '', '__proto__']) {
        const { data, errors } = await predict(
          `label saliency(method: ${method}, class: "${name}") { class }`,
        )
        expect(errors?.[0]?.extensions?.code).toBe('NOT_FOUND')
        expect(errors?.[0]?.message).toBe(`The model has no class "${name}". It has: ${CLASSES.join(', ')}.`)
        expect(data.predict).toEqual({ label: expect.any(String), saliency: null })
      }
    },
  )
})

describe('the neighbours of a prediction', () => {
  const NEIGHBOURS = 'index label distance sample { index split label image(scale: 1) }'

  test('are the training pictures whose features are nearest by cosine, as a brute force finds them', async () => {
    const [dataset, { input, neighbours }] = await Promise.all([
      withDatasetFile(join(server.dataDir, 'datasets', 'tiny.bin'), undefined, (file) =>
        readImages(file, 'train', [...Array(TRAINING_PICTURES).keys()]),
      ),
      predicted(`input neighbours(first: 7) { ${NEIGHBOURS} }`),
    ])
    const features = await featuresOf([
      await pixelsOf(input),
      ...Array.from({ length: TRAINING_PICTURES }, (_, i) =>
        dataset.pixels.subarray(i * HEIGHT * WIDTH * 3, (i + 1) * HEIGHT * WIDTH * 3),
      ),
    ])
    const [own, ...others] = features
    const expected = others
      .map((vector, index) => ({ index, distance: 1 - cosine(own!, vector) }))
      .sort((one, other) => one.distance - other.distance)
    expect(neighbours).toHaveLength(7)
    for (const [place, { index, label, distance, sample }] of neighbours.entries()) {
      expect(Math.abs(distance - expected[place]!.distance)).toBeLessThan(1e-4)
      expect(Math.abs(distance - (1 - cosine(own!, others[index]!)))).toBeLessThan(1e-4)
      expect(label).toBe(CLASSES[dataset.labels[index]!])
      expect(sample).toMatchObject({ index, label, split: 'TRAIN' })
    }
  })

  test('of a training picture begin with itself', async () => {
    const { input, neighbours } = await predicted(`input neighbours(first: 1) { ${NEIGHBOURS} }`, {
      sample: { dataset: 'tiny', split: 'TRAIN', index: 123 },
    })
    expect(neighbours[0]).toMatchObject({ index: 123, distance: expect.closeTo(0, 6) })
    expect(await pixelsOf(neighbours[0].sample.image)).toEqual(await pixelsOf(input))
  })

  test('are 1 to 100, in a data set that is known', async () => {
    for (const [args, code] of [
      ['first: 0', 'BAD_USER_INPUT'],
      ['first: 101', 'BAD_USER_INPUT'],
      ['dataset: "none"', 'NOT_FOUND'],
    ]) {
      const { errors } = await predict(`neighbours(${args}) { index }`)
      expect(errors?.[0]?.extensions?.code).toBe(code)
    }
  })

  test('leave nothing behind when the version is deleted, though its run keeps the weights', async () => {
    const folder = join(server.dataDir, 'artifacts')
    const derived = () => readdirSync(folder).filter((name) => name === `${version.digest}.derived`)
    expect(derived()).toHaveLength(1)
    await server.query('mutation ($id: ID!) { deleteModelVersion(id: $id) { __typename } }', {
      id: version.id,
    })
    expect(derived()).toEqual([])
    expect(existsSync(join(folder, `${version.digest}.safetensors`))).toBe(true)
  })
})

/** What the last layer is given, computed here by the layers of TensorFlow.js. */
async function featuresOf(pictures: readonly Uint8Array[]): Promise<Float32Array[]> {
  await selectEngine('wasm')
  const architecture = fitArchitecture(findArchitecture('vgg_mini')!, [HEIGHT, WIDTH, 3], CLASSES.length)
  const model = buildModel(architecture)
  const file = await openSafetensors(join(server.dataDir, 'artifacts', `${version.digest}.safetensors`))
  await loadWeights(model, architecture, file).finally(() => file.close())
  const { mean, std } = version.preprocessing
  const vectors = tf.tidy(() => {
    const bytes = tf.tensor4d(Float32Array.from(pictures.flatMap((pixels) => [...pixels])), [
      pictures.length,
      HEIGHT,
      WIDTH,
      3,
    ])
    const last = model.layers.at(-1)!
    const features = tf.model({ inputs: model.inputs, outputs: last.input as tf.SymbolicTensor })
    return (features.predict(bytes.div(255).sub(mean).div(std)) as tf.Tensor2D).arraySync()
  })
  model.dispose()
  return vectors.map((vector) => Float32Array.from(vector))
}

function cosine(one: Float32Array, other: Float32Array): number {
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)
  return dot(one, other) / Math.sqrt(dot(one, one) * dot(other, other))
}
