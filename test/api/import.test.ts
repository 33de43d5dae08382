import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { completeRun } from '../support/runs.ts'
import { sharedServer, stopServers, type TestServer } from '../support/server.ts'
import { type FilePart, sendFiles, uploadsGone } from '../support/upload.ts'
import { decodeSafetensors, encodeSafetensors } from '../support/weights.ts'

const IMPORT = `mutation Import($input: ImportModelInput!) {
  importModel(input: $input) {
    __typename
    ... on ModelVersion {
      id version origin source accuracy digest bytes model { name } architecture { name } run { id } dataset { name }
      preprocessing { size resize shorterSide mean std labels }
    }
    ... on ValidationError { issues { path message } }
    ... on Error { message }
  }
}`
const PREDICT = `query Predict($id: ID!) {
  predict(input: { image: { sample: { dataset: "tiny", split: TEST, index: 5 } }, model: { versionId: $id } }) {
    __typename
    ... on Prediction { probabilities { label probability } }
    ... on Error { message }
  }
}`

let server: TestServer
let version: {
  id: string
  digest: string
  downloads: { safetensors: { url: string }; layersModel: { url: string } }
}
let weights: Buffer
beforeAll(async () => {
  server = await sharedServer()
  const run = await completeRun(server)
  const { trainingRun } = await server.query(
    `{ trainingRun(id: "${run}") { modelVersions { id digest downloads { safetensors { url } layersModel { url } } } } }`,
  )
  version = trainingRun.modelVersions[0]
  weights = await download(version.downloads.safetensors.url)
})
afterAll(stopServers)

async function download(url: string): Promise<Buffer> {
  const response = await fetch(server.url + url)
  expect(response.status).toBe(200)
  return Buffer.from(await response.arrayBuffer())
}

async function importModel(input: object, files: Record<string, FilePart>) {
  const { body } = await sendFiles(server, IMPORT, { input }, files)
  if (body.errors !== undefined) throw new Error(body.errors[0].message)
  return body.data.importModel
}
const importFile = (input: object, bytes: Uint8Array) =>
  importModel(
    { name: 'imported', architecture: 'vgg_mini', ...input, weights: { safetensors: null } },
    { 'input.weights.safetensors': { name: 'weights.safetensors', bytes } },
  )
const probabilitiesOf = async (id: string) => (await server.query(PREDICT, { id })).predict.probabilities
test('an import under an idempotency key is done once, however often it is sent, and also at once', async () => {
  const input = { name: 'once', idempotencyKey: 'import one' }
  const [one, other] = await Promise.all([importFile(input, weights), importFile(input, weights)])
  expect(one).toMatchObject({ __typename: 'ModelVersion', version: 1 })
  expect(other).toEqual(one)
  const altered = Buffer.from(weights)
  altered[altered.length - 1]! ^= 1
  expect((await importFile(input, altered)).__typename).toBe('ConflictError')
  expect((await importFile({ ...input, name: 'twice' }, weights)).__typename).toBe('ConflictError')
  const labels = Array.from({ length: 3 }, (_, i) => `class ${i}`)
  expect((await importFile({ ...input, preprocessing: { labels } }, weights)).__typename).toBe(
    'ConflictError',
  )
  // What was refused made no version, and its key is free.
  const later = { name: 'once', idempotencyKey: 'import two' }
  expect((await importFile(later, Buffer.from('no weights'))).__typename).toBe('ValidationError')
  expect(await importFile(later, weights)).toMatchObject({ version: 2 })
})

test('what was downloaded as safetensors imports as it is, with its labels and its normalisation', async () => {
  const imported = await importFile({}, weights)
  expect(imported).toMatchObject({
    __typename: 'ModelVersion',
    version: 1,
    origin: 'IMPORTED',
    source: 'weights.safetensors',
    accuracy: null,
    run: null,
    dataset: null,
    model: { name: 'imported' },
    architecture: { name: 'vgg_mini' },
    preprocessing: { size: [16, 24], resize: 'COVER', shorterSide: null },
  })
  expect(imported.preprocessing.labels).toContain('green square')
  expect(await probabilitiesOf(imported.id)).toEqual(await probabilitiesOf(version.id))
  await uploadsGone(server)
})

test('what was downloaded as a LayersModel imports with all its files', async () => {
  const folder = version.downloads.layersModel.url.replace(/model\.json$/, '')
  const json = await download(`${folder}model.json`)
  const [{ paths }] = JSON.parse(json.toString('utf8')).weightsManifest
  const files: Record<string, FilePart> = {
    'input.weights.layersModel.0': { name: 'model.json', bytes: json },
  }
  for (const [index, path] of (paths as string[]).entries()) {
    files[`input.weights.layersModel.${index + 1}`] = { name: path, bytes: await download(folder + path) }
  }
  const layersModel = Object.keys(files).map(() => null)
  const imported = await importModel(
    { name: 'from TF.js', architecture: 'vgg_mini', weights: { layersModel } },
    files,
  )
  expect(imported).toMatchObject({ __typename: 'ModelVersion', source: `model.json, ${paths.join(', ')}` })
  expect(await probabilitiesOf(imported.id)).toEqual(await probabilitiesOf(version.id))
})

test('the preprocessing that is asked for comes before that of the file', async () => {
  const labels = Array.from({ length: 3 }, (_, i) => `thing ${i}`)
  const asked = { size: [32, 24], resize: 'STRETCH', mean: [0.5, 0.4, 0.3], std: [0.2, 0.2, 0.1], labels }
  // Flat networks have weights for one input size; without hidden layers only for one number of cells, too.
  const { issues } = await importFile({ preprocessing: asked }, weights)
  expect(issues[0].path).toEqual(['weights', 'safetensors', 'classifier.0.weight'])
  const imported = await importFile({ preprocessing: { ...asked, size: undefined } }, weights)
  expect(imported.preprocessing).toEqual({ ...asked, size: [16, 24], shorterSide: null })
  expect((await probabilitiesOf(imported.id))[0].label).toMatch(/^thing/)
})

describe('what cannot work is refused with an issue for each', () => {
  const stripped = (
    change: (tensors: ReturnType<typeof decodeSafetensors>['tensors']) => void = () => {},
  ) => {
    const { tensors } = decodeSafetensors(weights)
    change(tensors)
    return encodeSafetensors(tensors)
  }
  const normalised = {
    preprocessing: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], size: [16, 24], labels: [...'abc'] },
  }

  test('tensor that is missing, surplus or wrong', async () => {
    const changed = stripped((tensors) => {
      tensors.splice(
        tensors.findIndex(({ name }) => name === 'features.0.bias'),
        1,
      )
      tensors.push({ name: 'head.extra', shape: [1], data: new Float32Array(1) })
      const last = tensors.findIndex(({ name }) => name === 'classifier.2.bias')
      tensors[last] = { name: 'classifier.2.bias', shape: [2], data: new Float32Array(2) }
    })
    const { issues } = await importFile(normalised, changed)
    expect(issues).toEqual([
      { path: ['weights', 'safetensors', 'features.0.bias'], message: expect.stringMatching(/missing/) },
      { path: ['weights', 'safetensors', 'head.extra'], message: expect.stringMatching(/not part/) },
      {
        path: ['weights', 'safetensors', 'classifier.2.bias'],
        message: 'This tensor is float[2] and must be float[3].',
      },
    ])
  })

  test('value of the preprocessing', async () => {
    const preprocessing = { size: [0, 32], labels: ['', 'b'], mean: [1, 2], std: [0, 1, 1], shorterSide: 3 }
    const { issues } = await importFile({ preprocessing }, stripped())
    expect(issues.map(({ path }: { path: string[] }) => path.join('.'))).toEqual([
      'preprocessing.size',
      'preprocessing.labels',
      'preprocessing.mean',
      'preprocessing.std',
      'preprocessing.shorterSide',
    ])
  })

  test('normalisation that nobody told', async () => {
    const { issues } = await importFile({ preprocessing: { labels: [...'abc'] } }, stripped())
    expect(issues.map(({ path }: { path: string[] }) => path.join('.'))).toEqual([
      'preprocessing.mean',
      'preprocessing.std',
    ])
  })

  test('file that is something else', async () => {
    for (const bytes of [new Uint8Array(0), Buffer.from('PK\x03\x04 a zip'), weights.subarray(0, 1000)]) {
      const { issues } = await importFile(normalised, bytes)
      expect(issues[0].path).toEqual(['weights', 'safetensors'])
    }
    const layersModel = (...files: FilePart[]) =>
      importModel(
        {
          name: 'x',
          architecture: 'vgg_mini',
          weights: { layersModel: files.map(() => null) },
          ...normalised,
        },
        Object.fromEntries(files.map((file, i) => [`input.weights.layersModel.${i}`, file])),
      )
    for (const [files, message] of [
      [[{ name: 'model.json', bytes: Buffer.from('null') }], 'not an object'],
      [[{ name: 'vgg.h5', bytes: Buffer.from('\x89HDF\r\n\x1a\n', 'latin1') }], '"vgg.h5" is an HDF5 file'],
      [[{ name: 'w.safetensors', bytes: weights }], 'send it as safetensors'],
    ] as const) {
      const { issues } = await layersModel(...files)
      expect(issues).toEqual([
        { path: ['weights', 'layersModel'], message: expect.stringContaining(message) },
      ])
    }
    const { issues } = await importFile(
      normalised,
      Buffer.from('version https://git-lfs.github.com/spec/v1\n'),
    )
    expect(issues[0].message).toContain('Git LFS pointer')
  })

  test('number of labels that is not that of the outputs', async () => {
    const preprocessing = { ...normalised.preprocessing, labels: [...'ab'] }
    const { issues } = await importFile({ preprocessing }, stripped())
    expect(issues).toEqual([{ path: ['preprocessing', 'labels'], message: '2 labels for 3 outputs.' }])
  })

  test('architecture that is not there, and name that is none', async () => {
    expect(await importFile({ architecture: 'resnet50' }, weights)).toMatchObject({
      __typename: 'NotFoundError',
    })
    expect((await importFile({ name: ' ' }, weights)).issues[0].path).toEqual(['name'])
  })

  test('and leaves no file behind', async () => {
    await uploadsGone(server)
    expect(readdirSync(join(server.dataDir, 'artifacts')).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })
})

test('deleting an imported version deletes its file', async () => {
  const imported = await importFile({ name: 'short-lived', preprocessing: { labels: [...'abc'] } }, weights)
  const file = `${imported.digest}.safetensors`
  expect(readdirSync(join(server.dataDir, 'artifacts'))).toContain(file)
  await server.query('mutation ($id: ID!) { deleteModelVersion(id: $id) { __typename } }', {
    id: imported.id,
  })
  expect(readdirSync(join(server.dataDir, 'artifacts'))).not.toContain(file)
})
