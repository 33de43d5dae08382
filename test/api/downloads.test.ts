import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seededRandom } from '../support/random.ts'
import { completeRun } from '../support/runs.ts'
import { FRIENDS, sharedServer, stopServers, type TestServer } from '../support/server.ts'
import { decodeSafetensors } from '../support/weights.ts'

const [, ALLOWED] = FRIENDS

let server: TestServer
let version: {
  id: string
  version: number
  digest: string
  bytes: number
  downloads: { safetensors: { url: string }; layersModel: { url: string } }
}
let whole: Buffer
beforeAll(async () => {
  server = await sharedServer()
  const run = await completeRun(server)
  const { trainingRun } = await server.query(
    `{ trainingRun(id: "${run}") { modelVersions { id version digest bytes downloads { safetensors { url } layersModel { url } } } } }`,
  )
  version = trainingRun.modelVersions[0]
  whole = Buffer.from(await (await get()).arrayBuffer())
})
afterAll(stopServers)

const get = (headers: Record<string, string> = {}, method = 'GET', url = version.downloads.safetensors.url) =>
  fetch(server.url + url, { headers, method })

/** The status of a request exactly as it is written; fetch would normalise the path, and add cache-control: no-cache. */
function statusOf(path: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.url)
    request({ hostname, port, path, headers }, (response) => {
      response.resume()
      resolve(response.statusCode!)
    })
      .on('error', reject)
      .end()
  })
}

test('a version is a safetensors file of its digest, under a name for people', async () => {
  const response = await get()
  expect(response.headers.get('content-length')).toBe(String(version.bytes))
  expect(response.headers.get('content-disposition')).toBe(
    `attachment; filename="vgg_mini-v${version.version}.safetensors"`,
  )
  expect(response.headers.get('accept-ranges')).toBe('bytes')
  expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  expect(whole).toHaveLength(version.bytes)
  expect(createHash('sha256').update(whole).digest('hex')).toBe(version.digest)
  expect(decodeSafetensors(whole).metadata).toMatchObject({
    format: 'pt',
    architecture: 'vgg_mini',
    seed: '7',
  })
})

test('HEAD answers the same without the body', async () => {
  const response = await get({}, 'HEAD')
  expect(response.status).toBe(200)
  expect(response.headers.get('content-length')).toBe(String(version.bytes))
  expect((await response.arrayBuffer()).byteLength).toBe(0)
})

describe('conditions', () => {
  test('a client that has it already is told so', async () => {
    const etag = (await get({}, 'HEAD')).headers.get('etag')!
    expect(etag).toContain(version.digest)
    for (const condition of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      expect(await statusOf(version.downloads.safetensors.url, { 'if-none-match': condition })).toBe(304)
    }
    expect(await statusOf(version.downloads.safetensors.url, { 'if-none-match': '"other"' })).toBe(200)
    expect(await statusOf(version.downloads.safetensors.url, { 'if-match': '"other"' })).toBe(412)
  })

  test('a range of another file is answered with the whole', async () => {
    const etag = (await get({}, 'HEAD')).headers.get('etag')!
    expect((await get({ range: 'bytes=0-9', 'if-range': etag })).status).toBe(206)
    expect((await get({ range: 'bytes=0-9', 'if-range': '"other"' })).status).toBe(200)
  })
})

describe('ranges', () => {
  test('200 at random, and those at the edges, are exactly those bytes', async () => {
    const last = version.bytes - 1
    const random = seededRandom(3)
    const ranges: [string, number, number][] = [
      ['bytes=0-0', 0, 0],
      [`bytes=${last}-${last}`, last, last],
      [`bytes=${last}-`, last, last],
      [`bytes=100-${10 * last}`, 100, last],
      ['bytes=-1', last, last],
    ]
    for (let i = 0; i < 200; i++) {
      const begin = Math.floor(random() * version.bytes)
      const end = Math.min(last, begin + Math.floor(random() * 100_000))
      ranges.push([`bytes=${begin}-${end}`, begin, end])
    }
    for (const [range, begin, end] of ranges) {
      const response = await get({ range })
      expect(response.status).toBe(206)
      expect(response.headers.get('content-range')).toBe(`bytes ${begin}-${end}/${version.bytes}`)
      const bytes = Buffer.from(await response.arrayBuffer())
      expect(bytes.equals(whole.subarray(begin, end + 1))).toBe(true)
    }
  })

  test('outside of the file are refused with its length', async () => {
    const response = await get({ range: `bytes=${version.bytes}-` })
    expect(response.status).toBe(416)
    expect(response.headers.get('content-range')).toBe(`bytes */${version.bytes}`)
  })

  test('that are several or not to be read get the whole', async () => {
    for (const range of ['bytes=0-1,5-6', 'lines=1-2', 'nonsense']) {
      expect((await get({ range })).status).toBe(200)
    }
  })

  test('finish a download that broke off', async () => {
    const broken = whole.subarray(0, 123_456)
    const rest = Buffer.from(await (await get({ range: `bytes=${broken.length}-` })).arrayBuffer())
    expect(Buffer.concat([broken, rest]).equals(whole)).toBe(true)
  })
})

test('the LayersModel has the preprocessing, and files of exactly its weights', async () => {
  const { url } = version.downloads.layersModel
  const response = await get({}, 'GET', url)
  expect(response.headers.get('content-type')).toBe('application/json')
  const model = await response.json()
  expect(model.userDefinedMetadata).toMatchObject({
    architecture: 'vgg_mini',
    preprocessing: { size: [16, 24] },
  })
  let bytes = 0
  for (const path of model.weightsManifest[0].paths) {
    const file = await get({}, 'GET', url.replace('model.json', path))
    expect(file.status).toBe(200)
    bytes += (await file.arrayBuffer()).byteLength
  }
  const needed = model.weightsManifest[0].weights.reduce(
    (sum: number, { shape }: { shape: number[] }) => sum + 4 * shape.reduce((product, n) => product * n, 1),
    0,
  )
  expect(bytes).toBe(needed)
})

describe('who may', () => {
  test('pages of allowed origins, and their preflights', async () => {
    const response = await get({ origin: ALLOWED })
    expect(response.headers.get('access-control-allow-origin')).toBe(ALLOWED)
    expect(response.headers.get('vary')).toContain('Origin')
    expect(response.headers.get('access-control-expose-headers')).toContain('ETag')
    const preflight = await get({ origin: ALLOWED, 'access-control-request-method': 'GET' }, 'OPTIONS')
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-headers')).toContain('Range')
  })

  test('no page of another origin, and no host name that is not the server', async () => {
    expect(
      (await get({ origin: 'https://evil.example' })).headers.get('access-control-allow-origin'),
    ).toBeNull()
    const status = await statusOf(version.downloads.safetensors.url, { host: 'evil.example' })
    expect(status).toBe(403)
  })

  test('only by GET and HEAD', async () => {
    const response = await get({}, 'DELETE')
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET, HEAD, OPTIONS')
  })
})

test('paths that lead to no file of a version, or out of the folder, are not found', async () => {
  const id = Buffer.from(version.id, 'base64').toString('utf8').split(':')[1]
  for (const path of [
    '/downloads/',
    '/downloads/x/model.safetensors',
    `/downloads/${id}`,
    `/downloads/${id}/`,
    `/downloads/${id}/other`,
    `/downloads/${id}/layers-model/`,
    `/downloads/${id}/layers-model/..`,
    `/downloads/${id}/layers-model/%2e%2e`,
    `/downloads/${id}/layers-model/..%2f..%2f..%2fdatabase%2fPG_VERSION`,
    `/downloads/${id}/layers-model/../../../../database/PG_VERSION`,
    '/downloads/../database/PG_VERSION',
    '/downloads/%00',
    '/downloads//model.safetensors',
  ]) {
    expect([path, await statusOf(path)]).toEqual([path, 404])
  }
})
