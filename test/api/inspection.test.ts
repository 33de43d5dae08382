import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { completeRun } from '../support/runs.ts'
import { sharedServer, stopServers, type TestServer } from '../support/server.ts'
import { decodeSafetensors } from '../support/weights.ts'

const ACTIVATIONS = `query Inspect($layer: String!, $first: Int! = 64) {
  predict(input: { image: { sample: { dataset: "tiny", split: TEST, index: 5 } } }) {
    ... on Prediction { input activations(layer: $layer, first: $first) }
  }
}`

let server: TestServer
beforeAll(async () => {
  server = await sharedServer()
  await completeRun(server)
})
afterAll(stopServers)

const picture = (url: string) => sharp(Buffer.from(url.split(',')[1], 'base64'))

/** Grey values of a picture from a data: URL. */
async function greys(url: string) {
  const { data, info } = await picture(url).greyscale().raw().toBuffer({ resolveWithObject: true })
  return { data, ...info }
}

test('a layer shows a tile for each channel, from black to white', async () => {
  const { predict } = await server.query(ACTIVATIONS, { layer: 'features.0' })
  // 32 channels of 16 x 24: 6 columns, 6 rows, a pixel around each.
  const { data, width, height } = await greys(predict.activations)
  expect([width, height]).toEqual([6 * 25 + 1, 6 * 17 + 1])
  for (const [row, column] of [
    [0, 0],
    [2, 3],
    [5, 1],
  ]) {
    const tile: number[] = []
    for (let y = 0; y < 16; y++) {
      for (let x = 0; x < 24; x++) tile.push(data[(row * 17 + 1 + y) * width + column * 25 + 1 + x])
    }
    expect([Math.min(...tile), Math.max(...tile)]).toEqual([0, 255])
  }
})

test('a pooled layer is drawn larger, a dense layer as a cell for each unit, and only as many as are asked for', async () => {
  const size = async (layer: string, first?: number) => {
    const { predict } = await server.query(ACTIVATIONS, { layer, first })
    const { width, height } = await picture(predict.activations).metadata()
    return [width, height]
  }
  const { architecture } = await server.query(
    '{ architecture(name: "vgg_mini") { layers { name kind outputShape } } }',
  )
  const pool = architecture.layers.findLast(({ kind }: { kind: string }) => kind === 'MAX_POOL')
  expect(pool.outputShape).toEqual([4, 4, 128])
  // Of images of 16 x 24 it has 2 x 3, enlarged eight times.
  expect(await size(pool.name, 4)).toEqual([2 * 25 + 1, 2 * 17 + 1])
  expect(await size('classifier.0', 16)).toEqual([4 * 25 + 1, 4 * 25 + 1])
})

test('a picture that was stored can be looked into later, and gives the same maps', async () => {
  const { predict: now } = await server.query(ACTIVATIONS, { layer: 'features.0' })
  const { predict: stored } = await server.query(
    'mutation { predict(input: { image: { sample: { dataset: "tiny", split: TEST, index: 5 } } }) { ... on Prediction { id } } }',
  )
  const { node } = await server.query(
    'query ($id: ID!) { node(id: $id) { ... on Prediction { activations(layer: "features.0") } } }',
    { id: stored.id },
  )
  expect(node.activations).toBe(now.activations)
})

test('the filters of the first convolution are drawn in colour, each from its smallest weight to its largest', async () => {
  const { trainingRuns } = await server.query(
    '{ trainingRuns(first: 1) { edges { node { modelVersions { filters digest } } } } }',
  )
  const [version] = trainingRuns.edges[0].node.modelVersions
  const { data, info } = await picture(version.filters).raw().toBuffer({ resolveWithObject: true })
  // 32 filters of 3 x 3, enlarged eight times: 6 columns, 6 rows, a pixel around each.
  expect(info).toMatchObject({ width: 6 * 25 + 1, height: 6 * 25 + 1, channels: 3 })
  const file = join(server.dataDir, 'artifacts', `${version.digest}.safetensors`)
  const { tensors } = decodeSafetensors(readFileSync(file))
  const { data: weights } = tensors.find(({ name }) => name === 'features.0.weight')!
  const filter = 13
  const mine = Array.from(weights.subarray(filter * 27, (filter + 1) * 27) as Float32Array)
  const [least, most] = [Math.min(...mine), Math.max(...mine)]
  const [row, column] = [Math.floor(filter / 6), filter % 6]
  for (let y = 0; y < 3; y++) {
    for (let x = 0; x < 3; x++) {
      for (let channel = 0; channel < 3; channel++) {
        const place = ((row * 25 + 1 + y * 8 + 4) * info.width + column * 25 + 1 + x * 8 + 4) * 3 + channel
        const weight = mine[(channel * 3 + y) * 3 + x]
        expect(data[place]).toBe(Math.round(((weight - least) * 255) / (most - least)))
      }
    }
  }
})

test('a layer that the network does not have is an error that names those it has', async () => {
  for (const layer of ['features.99', 'softmax', '__proto__', '']) {
    const { data, errors } = await server.execute(ACTIVATIONS, { layer })
    expect(errors?.[0].extensions?.code).toBe('NOT_FOUND')
    expect(errors?.[0].message).toMatch(/features\.0, .*classifier\.2/)
    expect(data.predict).toMatchObject({ activations: null, input: expect.stringMatching(/^data:/) })
  }
  const { errors } = await server.execute(ACTIVATIONS, { layer: 'features.0', first: 0 })
  expect(errors?.[0].extensions?.code).toBe('BAD_USER_INPUT')
})

test('a version whose file was altered is named by every way that leads to it', async () => {
  const run = await completeRun(server, { seed: 9 })
  const { trainingRun } = await server.query(
    `{ trainingRun(id: "${run}") { modelVersions { id version digest model { name } } } }`,
  )
  const [version] = trainingRun.modelVersions
  const file = join(server.dataDir, 'artifacts', `${version.digest}.safetensors`)
  const bytes = readFileSync(file)
  bytes[bytes.length - 1] ^= 1
  writeFileSync(file, bytes)
  const { predict } = await server.query(
    `query ($id: ID!) { predict(input: { image: { sample: { dataset: "tiny", index: 1 } }, model: { versionId: $id } }) {
      __typename ... on Error { message } } }`,
    { id: version.id },
  )
  expect(predict.__typename).toBe('UnusableModelError')
  expect(predict.message).toContain(`Version ${version.version} of vgg_mini`)
  expect(predict.message).toContain(version.digest)
  const { errors } = await server.execute(
    'query ($id: ID!) { node(id: $id) { ... on ModelVersion { filters } } }',
    { id: version.id },
  )
  expect(errors?.[0].extensions?.code).toBe('MODEL_UNUSABLE')
  // Whoever names no version gets the newest one: not this one from now on.
  await server.query('mutation ($id: ID!) { deleteModelVersion(id: $id) { __typename } }', { id: version.id })
})
