import { randomUUID } from 'node:crypto'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { blackPng, noise } from '../support/images.ts'
import { completeRun } from '../support/runs.ts'
import { type GraphQLResult, sharedServer, stopServers, type TestServer } from '../support/server.ts'
import { sendFiles, uploadsGone } from '../support/upload.ts'

const FIELDS = `
  __typename
  ... on Prediction {
    id label confidence input latencyMs
    probabilities { label probability }
    modelVersion { id version run { id } }
  }
  ... on UnsupportedImageError { reason message }
  ... on ValidationError { issues { path message } }
  ... on Error { message }`
const PREDICT = `query Predict($input: PredictInput!) { predict(input: $input) { ${FIELDS} } }`
const PREDICT_AND_STORE = `mutation Predict($input: PredictInput!) { predict(input: $input) { ${FIELDS} } }`
const SAMPLE = { sample: { dataset: 'tiny', split: 'TEST', index: 5 } }

let server: TestServer
let runId: string
beforeAll(async () => {
  server = await sharedServer()
  runId = await completeRun(server)
})
afterAll(stopServers)

/** Uploads by the multipart request specification, as a browser's FormData does. */
async function upload(bytes: Uint8Array, headers: Record<string, string> = { 'x-graphql-yoga-csrf': '1' }) {
  const form = new FormData()
  const variables = { input: { image: { upload: null } } }
  form.set('operations', JSON.stringify({ query: PREDICT_AND_STORE, variables }))
  form.set('map', JSON.stringify({ 0: ['variables.input.image.upload'] }))
  form.set('0', new Blob([new Uint8Array(bytes)], { type: 'image/png' }), 'picture')
  const response = await fetch(`${server.url}/graphql`, { method: 'POST', body: form, headers })
  return {
    status: response.status,
    body: (await response.json()) as GraphQLResult,
  }
}

describe('with a trained network', () => {
  test('a data-set sample gets a probability of each class, sorted, that sum to 1', async () => {
    const { predict } = await server.query(PREDICT, { input: { image: SAMPLE } })
    expect(predict.__typename).toBe('Prediction')
    const values: number[] = predict.probabilities.map((it: { probability: number }) => it.probability)
    expect(values).toHaveLength(3)
    expect(values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 6)
    expect(values).toEqual([...values].sort((a, b) => b - a))
    expect(predict).toMatchObject({ label: predict.probabilities[0].label, confidence: values[0] })
    expect(predict.modelVersion).toMatchObject({ version: expect.any(Number), run: { id: runId } })
  })

  test('a sample, its PNG as base64 and its PNG as an upload get the same answer', async () => {
    const { predict: sample } = await server.query(PREDICT, { input: { image: SAMPLE } })
    const { predict: encoded } = await server.query(PREDICT, { input: { image: { base64: sample.input } } })
    expect(encoded.probabilities).toEqual(sample.probabilities)
    const png = Buffer.from(sample.input.split(',')[1], 'base64')
    const { body } = await upload(png)
    expect(body.data.predict.probabilities).toEqual(sample.probabilities)
  })

  test('a large photograph is seen in the size of the images of the data set', async () => {
    const photo = await sharp({ create: { width: 640, height: 480, channels: 3, background: 'teal' } })
      .jpeg()
      .toBuffer()
    const { body } = await upload(photo)
    const seen = await sharp(Buffer.from(body.data.predict.input.split(',')[1], 'base64')).metadata()
    expect([seen.width, seen.height]).toEqual([24, 16])
  })

  test('the mutation stores what the query does not', async () => {
    const count = async () => (await server.query('{ predictions { totalCount } }')).predictions.totalCount
    const before = await count()
    await server.query(PREDICT, { input: { image: SAMPLE } })
    expect(await count()).toBe(before)
    const { predict } = await server.query(PREDICT_AND_STORE, { input: { image: SAMPLE, model: { runId } } })
    expect(await count()).toBe(before + 1)
    const { node } = await server.query(
      'query Node($id: ID!) { node(id: $id) { ... on Prediction { label } } }',
      {
        id: predict.id,
      },
    )
    expect(node).toEqual({ label: predict.label })
    const { predictions } = await server.query(
      'query List($v: ID!) { predictions(modelVersion: $v, first: 1) { edges { node { id } } } }',
      {
        v: predict.modelVersion.id,
      },
    )
    expect(predictions.edges[0].node.id).toBe(predict.id)
  })

  test('a threshold tells pictures that are of none of the classes, and is kept with what is stored', async () => {
    const KNOWN =
      '{ __typename ... on Prediction { id confidence threshold known } ... on Error { message } }'
    const one = (kind: string) => `${kind} P($input: PredictInput!) { predict(input: $input) ${KNOWN} }`
    const ask = async (kind: string, threshold?: number) =>
      (await server.query(one(kind), { input: { image: SAMPLE, threshold } })).predict
    const { confidence, known } = await ask('query')
    expect(known).toBe(true)
    expect(await ask('query', confidence)).toMatchObject({ threshold: confidence, known: true })
    expect(await ask('query', 1)).toMatchObject({ threshold: 1, known: confidence === 1 })
    const above = Math.min(1, confidence + 1e-6)
    const stored = await ask('mutation', above)
    expect(stored.known).toBe(confidence >= above)
    const node = `query N($id: ID!) { node(id: $id) { ... on Prediction { threshold known } } }`
    expect((await server.query(node, { id: stored.id })).node).toEqual({
      threshold: above,
      known: stored.known,
    })
    const refused = { __typename: 'ValidationError', message: expect.stringMatching(/from 0 to 1, not 1\.5/) }
    expect(await ask('query', 1.5)).toEqual(refused)
    const many = `query M($input: PredictManyInput!) { predictMany(input: $input) { __typename ... on PredictionBatch { results ${KNOWN} } ... on Error { message } } }`
    const batch = async (threshold: number) =>
      (await server.query(many, { input: { images: [SAMPLE], threshold } })).predictMany
    expect(await batch(-1)).toEqual({ ...refused, message: expect.stringMatching(/not -1/) })
    expect((await batch(above)).results).toMatchObject([{ threshold: above, known: confidence >= above }])
  })

  test.each([
    ['a text file', Buffer.from('This is not a picture.'), 'NOT_AN_IMAGE'],
    [
      'an SVG',
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>'),
      'UNSUPPORTED_FORMAT',
    ],
    ['an empty file', Buffer.alloc(0), 'EMPTY'],
  ])('%s is refused with its reason', async (_name, bytes, reason) => {
    const { body } = await upload(bytes)
    expect(body.data.predict).toMatchObject({ __typename: 'UnsupportedImageError', reason })
  })

  test.each(['', 'data:image/png;base64,'])('base64 of nothing is an empty picture: %j', async (base64) => {
    const { predict } = await server.query(PREDICT, { input: { image: { base64 } } })
    expect(predict).toMatchObject({ __typename: 'UnsupportedImageError', reason: 'EMPTY' })
  })

  test('a truncated JPEG and a picture of 16,000x16,000 pixels are refused with their reasons', async () => {
    const jpeg = await sharp({ create: { width: 300, height: 300, channels: 3, background: 'red' } })
      .jpeg()
      .toBuffer()
    const cut = await upload(jpeg.subarray(0, jpeg.length / 2))
    expect(cut.body.data.predict).toMatchObject({ __typename: 'UnsupportedImageError', reason: 'TRUNCATED' })
    const huge = await upload(blackPng(16_000, 16_000))
    expect(huge.body.data.predict).toMatchObject({
      __typename: 'UnsupportedImageError',
      reason: 'TOO_MANY_PIXELS',
    })
  })

  test('what is wrong with the input is named', async () => {
    const ask = async (input: object) => (await server.query(PREDICT, { input })).predict
    expect(await ask({ image: { base64: '***' } })).toMatchObject({ __typename: 'ValidationError' })
    expect(await ask({ image: { sample: { dataset: 'tiny', index: 60 } } })).toMatchObject({
      __typename: 'ValidationError',
    })
    expect(await ask({ image: { sample: { dataset: 'mnist', index: 0 } } })).toMatchObject({
      __typename: 'NotFoundError',
    })
    const versionId = Buffer.from('ModelVersion:nothing').toString('base64')
    expect(await ask({ image: SAMPLE, model: { versionId } })).toMatchObject({ __typename: 'NotFoundError' })
    const { errors } = await server.execute(PREDICT, { input: { image: { ...SAMPLE, base64: 'AAAA' } } })
    expect(errors?.[0].message).toMatch(/exactly one|OneOf/i)
  })

  test('an upload without the header against cross-site requests is refused', async () => {
    const { status, body } = await upload(Buffer.from('x'), {})
    expect(status).toBe(403)
    expect(body.errors?.[0].message).toMatch(/x-graphql-yoga-csrf/)
  })

  test('a file of more than 20 MiB is refused with its reason, and so is a request with no file in it', async () => {
    const { body } = await upload(Buffer.alloc(20 * 2 ** 20 + 1))
    expect(body.data.predict).toMatchObject({
      __typename: 'UnsupportedImageError',
      reason: 'TOO_MANY_BYTES',
    })
    const form = new FormData()
    form.set(
      'operations',
      JSON.stringify({ query: PREDICT, variables: { input: { image: { upload: null } } } }),
    )
    form.set('map', '{}')
    const headers = { 'x-graphql-yoga-csrf': '1' }
    const response = await fetch(`${server.url}/graphql`, { method: 'POST', body: form, headers })
    expect(((await response.json()) as GraphQLResult).errors?.[0].extensions?.code).toBe('BAD_USER_INPUT')
  })

  test('the query works by GET, and only as many classes as asked for are listed', async () => {
    const ask = async (top: number) => {
      const query = `{ predict(input: { image: { sample: { dataset: "tiny", index: 5 } } }) {
        ... on Prediction { probabilities(top: ${top}) { label } }
      } }`
      const response = await fetch(`${server.url}/graphql?${new URLSearchParams({ query })}`)
      return (await response.json()) as GraphQLResult
    }
    expect((await ask(2)).data.predict.probabilities).toHaveLength(2)
    expect((await ask(99)).data.predict.probabilities).toHaveLength(3)
    for (const top of [0, -1]) expect((await ask(top)).errors?.[0].extensions?.code).toBe('BAD_USER_INPUT')
  })

  test('the wrong one of several pictures in one request does not hurt the others', async () => {
    const { data } = await server.execute(`{
      good: predict(input: { image: { sample: { dataset: "tiny", index: 5 } } }) { __typename }
      bad: predict(input: { image: { base64: "AAAA" } }) { __typename }
      none: predict(input: { image: { sample: { dataset: "tiny", index: -1 } } }) { __typename }
    }`)
    expect(data).toEqual({
      good: { __typename: 'Prediction' },
      bad: { __typename: 'UnsupportedImageError' },
      none: { __typename: 'ValidationError' },
    })
  })

  test('more predicts at once than can wait are told when to come back, and the others are answered', async () => {
    const { predictor } = await server.logged((line) => line.msg === 'predictor is ready')
    const query = `query ($index: Int!) {
      predict(input: { image: { sample: { dataset: "tiny", index: $index } } }) {
        __typename
        ... on OverloadedError { retryAfterMs queueDepth }
      }
    }`
    // While the predictor stands still, everything waits.
    process.kill(predictor as number, 'SIGSTOP')
    let refused = 0
    const answers = Array.from({ length: 1030 }, async (_, i) => {
      const answer = (await server.query(query, { index: i % 60 })).predict
      if (answer.__typename === 'OverloadedError') refused += 1
      if (refused === 6) process.kill(predictor as number, 'SIGCONT')
      return answer
    })
    const all = await Promise.all(answers)
    const overloaded = all.filter(({ __typename }) => __typename === 'OverloadedError')
    expect(overloaded).toHaveLength(6)
    for (const error of overloaded) {
      expect(error).toMatchObject({ queueDepth: 1024 })
      expect(error.retryAfterMs).toBeGreaterThan(0)
    }
    expect(all.filter(({ __typename }) => __typename === 'Prediction')).toHaveLength(1024)
  })
})

describe('with many pictures in one call', () => {
  const MANY = `input: $input) {
    __typename
    ... on PredictionBatch {
      id
      count
      results {
        __typename
        ... on Prediction { id label confidence latencyMs probabilities(top: 3) { label probability } modelVersion { id version model { name } } }
        ... on UnsupportedImageError { reason }
        ... on OverloadedError { retryAfterMs }
        ... on Error { message }
      }
    }
    ... on Error { message }
  }`
  const PREDICT_MANY = `query Many($input: PredictManyInput!) { predictMany(${MANY} }`
  const BEGIN = `mutation Many($input: PredictManyInput!) {
    predictMany(input: $input) { ... on PredictionBatch { id count } ... on Error { message } }
  }`
  const FOLLOW = `subscription Follow($batch: ID!, $after: Int) {
    predictionsOf(batch: $batch, after: $after) {
      number
      index
      result {
        __typename
        ... on Prediction { label modelVersion { id } }
        ... on Error { message }
      }
    }
  }`
  const samples = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      sample: { dataset: 'tiny', split: 'TEST', index: index % 60 },
    }))
  async function follow(batch: string, after?: number): Promise<GraphQLResult[]> {
    const all: GraphQLResult[] = []
    for await (const item of server.subscribe(FOLLOW, { batch, after })) all.push(item)
    return all
  }

  test('of whatever sources, each has the answer that it has alone, in its place, or its own error', async () => {
    const seen = await Promise.all([1, 2, 3].map((seed) => noise(seed, 40, 30).png().toBuffer()))
    const base64 = async (bytes: Buffer) =>
      (await server.query(PREDICT, { input: { image: { base64: bytes.toString('base64') } } })).predict
    const images = [
      { upload: null },
      SAMPLE,
      { base64: seen[1]!.toString('base64') },
      { base64: '***' },
      { upload: null },
      { sample: { dataset: 'tiny', index: 60 } },
      { upload: null },
      { sample: { dataset: 'mnist', index: 0 } },
      // More than the part of the request that names them could once have.
      { base64: (await noise(4, 700, 700).png({ compressionLevel: 0 }).toBuffer()).toString('base64') },
    ]
    const { body } = await sendFiles(
      server,
      PREDICT_MANY,
      { input: { images, model: { runId } } },
      {
        'input.images.0.upload': { name: 'first.png', bytes: seen[0]! },
        'input.images.4.upload': { name: 'cut.png', bytes: seen[0]!.subarray(0, 300) },
        'input.images.6.upload': { name: 'third.png', bytes: seen[2]! },
      },
    )
    const { results, ...batch } = body.data.predictMany
    expect(batch).toEqual({ __typename: 'PredictionBatch', id: null, count: 9 })
    const { predict: sample } = await server.query(PREDICT, { input: { image: SAMPLE } })
    const [first, second, third] = await Promise.all(seen.map(base64))
    const like = ({ label, confidence }: { label: string; confidence: number }) => ({
      __typename: 'Prediction',
      label,
      confidence: expect.closeTo(confidence, 5),
    })
    expect(results).toMatchObject([
      like(first),
      like(sample),
      like(second),
      { __typename: 'ValidationError', message: 'image.base64: This is not base64.' },
      { __typename: 'UnsupportedImageError', reason: 'TRUNCATED' },
      { __typename: 'ValidationError' },
      like(third),
      { __typename: 'NotFoundError' },
      { __typename: 'Prediction' },
    ])
    await uploadsGone(server)
  })

  test('256 are answered and none is told that too much waits, and a single one need not wait for them', async () => {
    let isOver = false
    // The second half has a megapixel each to decode: it is not over before the single one is sent.
    const slow = { base64: blackPng(1000, 1000).toString('base64') }
    const images = [...samples(128), ...Array.from({ length: 128 }, () => slow)]
    const many = server
      .query(PREDICT_MANY, { input: { images, batch: 'two hundred and fifty-six' } })
      .finally(() => {
        isOver = true
      })
    for await (const _ of server.subscribe(FOLLOW, { batch: 'two hundred and fifty-six' })) break
    const { predict } = await server.query(PREDICT, { input: { image: SAMPLE } })
    expect(predict.__typename).toBe('Prediction')
    expect(isOver).toBe(false)
    const { results } = (await many).predictMany
    expect(results).toHaveLength(256)
    expect(new Set(results.map(({ __typename }: { __typename: string }) => __typename))).toEqual(
      new Set(['Prediction']),
    )
    // The pictures repeat after sixty.
    const labels = results.map(({ label }: { label: string }) => label)
    expect(labels.slice(60, 120)).toEqual(labels.slice(0, 60))
  })

  test('more than it may have, or be asked, is refused in words', async () => {
    const { predictMany } = await server.query(PREDICT_MANY, { input: { images: samples(257) } })
    expect(predictMany).toEqual({
      __typename: 'ValidationError',
      message: 'images: A batch has at most 256 pictures, not 257. Send the others in another one.',
    })
    const drawn = '{ results { ... on Prediction { activations(layer: "features.0") } } }'
    const draw = `query Draw($input: PredictManyInput!) { predictMany(input: $input) { ... on PredictionBatch ${drawn} } }`
    const { errors } = await server.execute(draw, { input: { images: samples(256) } })
    expect(errors?.[0].extensions?.code).toBe('QUERY_TOO_COMPLEX')
    const places = Array.from({ length: 257 }, (_, index) => `input.images.${index}.upload`)
    const files = Object.fromEntries(places.map((place) => [place, { name: 'x', bytes: Buffer.from('x') }]))
    const images = places.map(() => ({ upload: null }))
    const { status, body } = await sendFiles(server, PREDICT_MANY, { input: { images } }, files)
    expect(status).toBe(413)
    expect(body.errors?.[0].message).toMatch(/more than 256 files/)
  })

  test('the mutation answers at once and stores each, and a follower gets each once, whenever it comes', async () => {
    const { predictor } = await server.logged((line) => line.msg === 'predictor is ready')
    const { predictions } = await server.query('{ predictions { totalCount } }')
    process.kill(predictor as number, 'SIGSTOP')
    const images = [...samples(3), { upload: null }, { base64: 'AAAA' }]
    const early = follow('of my own')
    const png = await noise(5).png().toBuffer()
    const { body } = await sendFiles(
      server,
      BEGIN,
      { input: { images, batch: 'of my own' } },
      {
        'input.images.3.upload': { name: 'a.png', bytes: png },
      },
    )
    expect(body.data.predictMany).toEqual({ id: 'of my own', count: 5 })
    // Its request is over, and its file is there until its turn.
    process.kill(predictor as number, 'SIGCONT')
    const all = await early
    expect(all.map(({ data }) => data.predictionsOf.number)).toEqual([1, 2, 3, 4, 5])
    expect(all.map(({ data }) => data.predictionsOf.index).sort()).toEqual([0, 1, 2, 3, 4])
    for (const { data } of all) {
      const { index, result } = data.predictionsOf
      expect(result.__typename).toBe(index === 4 ? 'UnsupportedImageError' : 'Prediction')
    }
    await uploadsGone(server)
    expect(await follow('of my own')).toEqual(all)
    expect(await follow('of my own', 3)).toEqual(all.slice(3))
    const after = await server.query('{ predictions { totalCount } }')
    expect(after.predictions.totalCount).toBe(predictions.totalCount + 4)
    const again = await server.query(BEGIN, { input: { images: samples(1), batch: 'of my own' } })
    expect(again.predictMany.message).toMatch(/There is or was a batch "of my own" already/)
  })

  const askers = {
    HTTP: (variables: object) => {
      const leaving = new AbortController()
      const left = fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: PREDICT_MANY, variables }),
        signal: leaving.signal,
      })
      return async () => {
        leaving.abort()
        await expect(left).rejects.toThrow()
      }
    },
    'WebSocket, and completes it,': (variables: object) => {
      const client = server.connect()
      const asked = client.iterate({ query: PREDICT_MANY, variables: { ...variables } })
      return async () => {
        await asked.return!()
        await client.dispose()
      }
    },
    'WebSocket, and terminates it,': (variables: object) => {
      const client = server.connect()
      client.subscribe(
        { query: PREDICT_MANY, variables: { ...variables } },
        { next() {}, error() {}, complete() {} },
      )
      return async () => client.terminate()
    },
  }
  test.each(Object.entries(askers))(
    'a client that leaves the query over %s has the rest given up, which a follower hears',
    async (_name, ask) => {
      const { predictor } = await server.logged((line) => line.msg === 'predictor is ready')
      process.kill(predictor as number, 'SIGSTOP')
      const batch = randomUUID()
      const leave = ask({ input: { images: [{ base64: 'AAAA' }, ...samples(49)], batch } })
      const answers = server.subscribe(FOLLOW, { batch })
      // The server refuses this one itself.
      const { value: refused } = await answers.next()
      expect(refused.data.predictionsOf).toMatchObject({ number: 1, index: 0 })
      await leave()
      let given = 0
      for await (const { data } of answers) {
        given++
        expect(data.predictionsOf.result).toEqual({
          __typename: 'PredictionFailedError',
          message: expect.stringMatching(/Who asked for it left/),
        })
      }
      process.kill(predictor as number, 'SIGCONT')
      expect(given).toBe(49)
    },
  )

  test('what is no batch, or none any more, is an error with a code, and the connection goes on', async () => {
    const client = server.connect()
    const first = async (variables: Record<string, unknown>) => {
      for await (const item of client.iterate({ query: FOLLOW, variables })) return item
      return null
    }
    const refusal = (code: string) => ({ errors: [{ extensions: { code } }] })
    expect(await first({ batch: 'nowhere', after: 2 })).toMatchObject(refusal('NOT_FOUND'))
    expect(await first({ batch: ' ' })).toMatchObject(refusal('BAD_USER_INPUT'))
    expect(await first({ batch: 'two hundred and fifty-six', after: 256 })).toBeNull()
    await client.dispose()
  })
})
