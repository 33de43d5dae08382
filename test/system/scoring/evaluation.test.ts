import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { completeRun } from '../../support/runs.ts'
import { sharedServer, stopServers, type TestServer } from '../../support/server.ts'
import { type FilePart, sendFiles } from '../../support/upload.ts'
import { decodeSafetensors, encodeSafetensors } from '../../support/weights.ts'

const FIGURES = `dataset { name } loss accuracy top5Accuracy count unanswered confusionMatrix
  perClass { label precision recall f1 count predicted }
  worstMistakes(first: 100) { index label predicted confidence trueConfidence }`
const RUN = `query Run($id: ID!) {
  trainingRun(id: $id) { evaluation { ${FIGURES} } modelVersions { id } }
}`
const VERSION = `query Version($id: ID!) {
  node(id: $id) { ... on ModelVersion { evaluatedAt evaluation { ${FIGURES} } } }
}`
const EVALUATE = `mutation Evaluate($id: ID!, $dataset: String, $limit: Int) {
  evaluateModel(id: $id, dataset: $dataset, limit: $limit) {
    __typename
    ... on ModelVersion { id accuracy evaluatedAt evaluation { ${FIGURES} } }
    ... on ValidationError { issues { path message } }
    ... on Error { message }
  }
}`
const REGISTER = `mutation Register($input: RegisterModelInput!) {
  registerModel(input: $input) { ... on ModelVersion { id digest evaluation { accuracy } } ... on Error { message } }
}`
const PREDICT = `query Predict($id: ID!, $index: Int!) {
  predict(input: { image: { sample: { dataset: "tiny", split: TEST, index: $index } }, model: { versionId: $id } }) {
    ... on Prediction { label confidence probabilities { label probability } }
    ... on Error { message }
  }
}`
const IMPORT = `mutation Import($input: ImportModelInput!) {
  importModel(input: $input) {
    ... on ModelVersion { id accuracy evaluation { accuracy } }
    ... on ValidationError { issues { path message } }
    ... on Error { message }
  }
}`

let server: TestServer
/** One that has learned little: it makes mistakes. */
let run: string
let version: string
beforeAll(async () => {
  server = await sharedServer()
  run = await completeRun(server, { testLimit: 60, epochs: 2, learningRate: 1e-3 })
  const { trainingRun } = await server.query(RUN, { id: run })
  version = trainingRun.modelVersions[0].id
})
afterAll(stopServers)

const evaluate = async (id: string, more: { dataset?: string; limit?: number } = {}) =>
  (await server.query(EVALUATE, { id, ...more })).evaluateModel

async function download(id: string): Promise<Uint8Array> {
  const { node } = await server.query(
    `{ node(id: "${id}") { ... on ModelVersion { downloads { safetensors { url } } } } }`,
  )
  return new Uint8Array(await (await fetch(server.url + node.downloads.safetensors.url)).arrayBuffer())
}

async function importVersion(preprocessing: object, name = 'seen otherwise') {
  const file: FilePart = { name: 'weights.safetensors', bytes: await download(version) }
  const input = { name, architecture: 'vgg_mini', weights: { safetensors: null }, preprocessing }
  const { body } = await sendFiles(server, IMPORT, { input }, { 'input.weights.safetensors': file })
  return body.data.importModel
}

describe("a run's evaluation", () => {
  test('shows its worst mistakes, each with the picture and what predict says of it', async () => {
    const { trainingRun } = await server.query(
      `query Run($id: ID!) { trainingRun(id: $id) { evaluation { worstMistakes(first: 3) {
        index label predicted confidence trueConfidence sample { index split label image(scale: 2) }
      } } } }`,
      { id: run },
    )
    const mistakes = trainingRun.evaluation.worstMistakes
    expect(mistakes).toHaveLength(3)
    for (const { index, label, predicted, confidence, trueConfidence, sample } of mistakes) {
      expect(sample).toMatchObject({ index, split: 'TEST', label })
      const png = Buffer.from(sample.image.replace('data:image/png;base64,', ''), 'base64')
      expect(await sharp(png).metadata()).toMatchObject({ width: 48, height: 32 })
      const { predict } = await server.query(PREDICT, { id: version, index })
      expect(predict.label).toBe(predicted)
      expect(predict.label).not.toBe(label)
      expect(predict.confidence).toBeCloseTo(confidence, 5)
      const truth = predict.probabilities.find((it: { label: string }) => it.label === label)
      expect(truth.probability).toBeCloseTo(trueConfidence, 5)
    }
  })

  test('has every mistake once, the most confident first, and they are those of the confusion matrix', async () => {
    const { trainingRun } = await server.query(RUN, { id: run })
    const { worstMistakes, accuracy, count, perClass, confusionMatrix } = trainingRun.evaluation
    expect(worstMistakes).toHaveLength(Math.round((1 - accuracy) * count))
    const confidences = worstMistakes.map((it: { confidence: number }) => it.confidence)
    expect(confidences).toEqual(confidences.toSorted((a: number, b: number) => b - a))
    const labels: string[] = perClass.map((it: { label: string }) => it.label)
    for (const [i, row] of confusionMatrix.entries()) {
      for (const [j, images] of row.entries()) {
        const found = worstMistakes.filter(
          (it: { label: string; predicted: string }) => it.label === labels[i] && it.predicted === labels[j],
        )
        if (i !== j) expect(found).toHaveLength(images)
      }
    }
  })

  test.each([0, 101])('refuses to show %i mistakes', async (first) => {
    const { errors } = await server.execute(
      `query Run($id: ID!, $first: Int!) { trainingRun(id: $id) { evaluation { worstMistakes(first: $first) { index } } } }`,
      { id: run, first },
    )
    expect(errors?.[0]).toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } })
    expect(errors?.[0].message).toMatch(/first must be from 1 to 100/)
  })

  test('is that of the version that the run ends with, at once, and of no earlier checkpoint', async () => {
    const { trainingRun } = await server.query(RUN, { id: run })
    const { node: own } = await server.query(VERSION, { id: version })
    expect(own.evaluation).toEqual(trainingRun.evaluation)
    expect(own.evaluatedAt).not.toBeNull()
    const again = await server.query(REGISTER, { input: { name: 'again', weights: { runId: run } } })
    expect(again.registerModel.evaluation).toEqual({ accuracy: trainingRun.evaluation.accuracy })

    const two = await completeRun(server, { epochs: 2, checkpoints: { keepLatest: 2 } })
    const checkpoints = (
      await server.query(`{ trainingRun(id: "${two}") { checkpoints { id epoch digest } } }`)
    ).trainingRun.checkpoints
    const earlier = checkpoints.find((it: { epoch: number }) => it.epoch === 1)
    const { registerModel } = await server.query(REGISTER, {
      input: { name: 'early', weights: { checkpointId: earlier.id } },
    })
    expect(registerModel).toMatchObject({ digest: earlier.digest, evaluation: null })
  })
})

describe('a network that is not finite', () => {
  const NEWEST = `query Newest($model: ModelRefInput) {
    predict(input: { image: { sample: { dataset: "tiny", split: TEST, index: 1 } }, model: $model }) {
      __typename
      ... on Prediction { modelVersion { id } }
      ... on Error { message }
    }
  }`
  const predict = async (model?: object) => (await server.query(NEWEST, { model })).predict

  /** The trained weights so large that what they make of any picture is not finite. */
  async function importBroken(name: string) {
    const { tensors, metadata } = decodeSafetensors(await download(version))
    tensors.find((it) => it.name === 'features.0.weight')!.data.fill(3e38 as never)
    tensors.find((it) => it.name === 'classifier.0.bias')!.data.fill(3e38 as never)
    tensors.find((it) => it.name === 'classifier.0.weight')!.data.fill(3e38 as never)
    const bytes = encodeSafetensors(tensors, metadata)
    const input = { name, architecture: 'vgg_mini', weights: { safetensors: null } }
    const files = { 'input.weights.safetensors': { name: 'weights.safetensors', bytes } }
    const { body } = await sendFiles(server, IMPORT, { input }, files)
    return body.data.importModel.id as string
  }

  test('is not taken by who names none, and says what it is to who names it', async () => {
    const { modelVersion: before } = await predict()
    const broken = [await importBroken('broken'), await importBroken('broken')]
    for (let i = 0; i < 2; i++) {
      expect(await predict()).toMatchObject({ __typename: 'Prediction', modelVersion: before })
    }
    for (const versionId of broken) {
      expect(await predict({ versionId })).toMatchObject({
        __typename: 'UnusableModelError',
        message: expect.stringMatching(/^Version \d of broken says NaN or an infinite number/),
      })
      expect(await evaluate(versionId, { dataset: 'tiny', limit: 32 })).toMatchObject({
        accuracy: null,
        evaluation: {
          loss: null,
          accuracy: null,
          top5Accuracy: null,
          count: 32,
          unanswered: 32,
          worstMistakes: [],
        },
      })
    }
    expect(await predict()).toMatchObject({ modelVersion: before })
    for (const id of broken) {
      await server.query('mutation ($id: ID!) { deleteModelVersion(id: $id) { __typename } }', { id })
    }
  })
})

describe('evaluateModel', () => {
  test('finds of the version of a run what the run found itself, to the last bit', async () => {
    const { trainingRun } = await server.query(RUN, { id: run })
    const answer = await evaluate(version, { limit: 60 })
    expect(answer.evaluation).toEqual(trainingRun.evaluation)
    const { node } = await server.query(VERSION, { id: version })
    expect(node).toEqual({ evaluatedAt: answer.evaluatedAt, evaluation: answer.evaluation })
  })

  test('sees pictures as the preprocessing of an imported version says, at its own size', async () => {
    // As large as leads to the same number of features.
    const labels = (await evaluate(version, { limit: 1 })).evaluation.perClass.map(
      (it: { label: string }) => it.label,
    )
    const other = { mean: [0.1, 0.2, 0.3], std: [0.5, 0.6, 0.7], size: [23, 31], labels }
    const imported = await importVersion(other)
    expect(imported).toMatchObject({ accuracy: null, evaluation: null })
    const { accuracy, evaluation } = await evaluate(imported.id, { dataset: 'tiny', limit: 12 })
    expect(accuracy).toBe(evaluation.accuracy)
    expect(evaluation.count).toBe(12)
    for (const { index, predicted, confidence } of evaluation.worstMistakes.slice(0, 4)) {
      const { predict } = await server.query(PREDICT, { id: imported.id, index })
      expect(predict.label).toBe(predicted)
      expect(predict.confidence).toBeCloseTo(confidence, 5)
    }
  })

  test('refuses a version with other labels, and says which', async () => {
    const labels = ['scarlet disc', 'green square', 'blue triangle']
    const half = [0.5, 0.5, 0.5]
    const imported = await importVersion({ mean: half, std: half, labels })
    const answer = await evaluate(imported.id, { dataset: 'tiny' })
    expect(answer.__typename).toBe('ConflictError')
    expect(answer.message).toMatch(/output 0 is "scarlet disc" and not "red disc"/)
  })

  test('refuses a version, a data set and a number of images that there are not', async () => {
    const missing = Buffer.from('ModelVersion:00000000-0000-7000-8000-000000000000').toString('base64')
    expect(await evaluate(missing)).toMatchObject({ __typename: 'NotFoundError' })
    expect(await evaluate(version, { dataset: 'mnist' })).toMatchObject({ __typename: 'NotFoundError' })
    for (const limit of [0, 61]) {
      expect(await evaluate(version, { limit })).toMatchObject({
        __typename: 'ValidationError',
        issues: [{ path: ['limit'], message: expect.stringMatching(/1 to 60/) }],
      })
    }
  })

  test('of damaged weights names them, and of a version that is deleted meanwhile says so', async () => {
    const { registerModel } = await server.query(REGISTER, {
      input: { name: 'gone', weights: { runId: run } },
    })
    const going = evaluate(registerModel.id)
    const { deleteModelVersion } = await server.query(
      `mutation { deleteModelVersion(id: "${registerModel.id}") { __typename } }`,
    )
    expect(deleteModelVersion.__typename).toBe('ModelVersion')
    expect(await going).toMatchObject({ __typename: 'NotFoundError' })

    const other = await completeRun(server, { seed: 99 })
    const { trainingRun } = await server.query(
      `{ trainingRun(id: "${other}") { modelVersions { id digest } } }`,
    )
    const [{ id, digest }] = trainingRun.modelVersions
    rmSync(join(server.dataDir, 'artifacts', `${digest}.safetensors`))
    const answer = await evaluate(id)
    expect(answer.__typename).toBe('UnusableModelError')
    expect(answer.message).toContain(digest)
    await server.query('mutation ($id: ID!) { deleteModelVersion(id: $id) { __typename } }', { id })
  })
})

describe('without the file of the data set', () => {
  test('the figures are there, and only the pictures are missing', async () => {
    const file = join(server.dataDir, 'datasets', 'tiny.bin')
    renameSync(file, `${file}.aside`)
    onTestFinished(() => renameSync(`${file}.aside`, file))
    const { data, errors } = await server.execute(
      `query Run($id: ID!) { trainingRun(id: $id) { evaluation { accuracy worstMistakes(first: 2) {
        index label sample { image }
      } } } }`,
      { id: run },
    )
    const { accuracy, worstMistakes } = data.trainingRun.evaluation
    expect(accuracy).toBeGreaterThanOrEqual(0)
    expect(worstMistakes).toMatchObject([{ sample: null }, { sample: null }])
    expect(errors?.map(({ extensions }) => extensions?.code)).toEqual([
      'DATASET_UNAVAILABLE',
      'DATASET_UNAVAILABLE',
    ])
    expect(errors?.[0].message).toMatch(/tiny\.bin is missing/)
  })
})
