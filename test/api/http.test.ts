import { connect } from 'node:net'
import { serverAudits } from 'graphql-http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { FRIENDS, sharedServer, stopServers, type TestServer } from '../support/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await sharedServer()
})
afterAll(stopServers)

describe("graphql-http's audit", () => {
  const audits = serverAudits({ url: () => `${server.url}/graphql`, fetchFn: fetch })
  test.each(audits.map((audit) => [audit.name, audit] as const))('%s', async (_name, audit) => {
    const result = await audit.fn()
    expect(result.status, 'reason' in result ? result.reason : '').not.toBe('error')
  })
})

test('a connection is kept for longer than the minute for which a proxy keeps one, so that none is closed as a request comes', async () => {
  const response = await fetch(`${server.url}/health/live`)
  const [, seconds] = /timeout=(\d+)/.exec(response.headers.get('keep-alive')!)!
  expect(Number(seconds)).toBeGreaterThan(60)
})

describe('limits', () => {
  const errorOf = async (query: string) => (await server.execute(query)).errors?.[0]

  test('refuse an operation that is too deep, too broad, too costly, too long or full of aliases', async () => {
    const nest = (depth: number): string =>
      depth === 0 ? 'name' : `runs(first: 1) { edges { node { architecture { ${nest(depth - 1)} } } } }`
    expect((await errorOf(`{ architectures { edges { node { ${nest(6)} } } } }`))?.extensions?.code).toBe(
      'QUERY_TOO_COMPLEX',
    )
    const costly =
      '{ architectures(first: 100) { edges { node { layers { index name outputShape } runs(first: 100) { edges { node { id number name } } } } } } }'
    expect((await errorOf(costly))?.extensions?.code).toBe('QUERY_TOO_COMPLEX')
    const aliases = Array.from({ length: 31 }, (_, i) => `a${i}: __typename`).join(' ')
    expect((await errorOf(`{ ${aliases} }`))?.message).toMatch(/aliases/)
    const fields = Array.from({ length: 3000 }, () => '__typename').join(' ')
    expect((await errorOf(`{ ${fields} }`))?.message).toMatch(/tokens/)
  })

  test('refuse a body that is larger than any picture', async () => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ __typename }', padding: 'x'.repeat(29 * 2 ** 20) }),
    })
    expect(response.status).toBe(413)
  })

  test('end a WebSocket that sends more than 256 KiB at once', async () => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
    await new Promise((resolve) => socket.once('open', resolve))
    const closed = new Promise<number>((resolve) => socket.once('close', resolve))
    socket.send('x'.repeat(300 * 1024))
    expect(await closed).toBe(1009)
  })

  test('hold over WebSocket as well', async () => {
    const aliases = Array.from({ length: 31 }, (_, i) => `a${i}: __typename`).join(' ')
    const stream = server.subscribe(
      `subscription { trainingRunsChanged { ... on TrainingRun { ${aliases} } } }`,
    )
    await expect(stream.next()).rejects.toMatchObject([{ message: expect.stringMatching(/aliases/) }])
  })

  test('name the page sizes that a connection takes', async () => {
    for (const first of [-1, 101]) {
      expect(
        (await errorOf(`{ trainingRuns(first: ${first}) { totalCount edges { node { id } } } }`))?.extensions
          ?.code,
      ).toBe('BAD_USER_INPUT')
    }
  })
})

describe('a page of another origin', () => {
  const connect = (headers: Record<string, string>) =>
    new Promise<string>((resolve) => {
      const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
        headers,
      })
      socket.once('open', () => {
        socket.close()
        resolve('open')
      })
      socket.once('unexpected-response', (_request, response) => resolve(String(response.statusCode)))
      socket.once('error', () => {})
    })

  test('may not open a WebSocket, unless its origin is allowed', async () => {
    expect(await connect({ origin: 'https://evil.example' })).toBe('403')
    expect(await connect({ origin: FRIENDS[0] })).toBe('open')
    expect(await connect({ origin: server.url })).toBe('open')
    expect(await connect({})).toBe('open')
  })

  test('gets no leave to read answers, unless its origin is allowed', async () => {
    const allowed = async (origin: string) => {
      const response = await fetch(`${server.url}/graphql?query={__typename}`, { headers: { origin } })
      return response.headers.get('access-control-allow-origin')
    }
    expect(await allowed('https://evil.example')).not.toBe('https://evil.example')
    expect(await allowed('https://evil.example')).not.toBe('*')
    expect(await allowed(FRIENDS[0])).toBe(FRIENDS[0])
  })

  test('that gave its name the address of this server gets nothing', async () => {
    expect(await connect({ host: 'rebound.example' })).toBe('403')
  })
})

describe('the server', () => {
  test.each([
    ['/login', 'text/plain', 404],
    ['/graphql', 'text/plain', 415],
    ['/graphql', 'multipart/form-data', 400],
    ['/nothing', 'text/plain', 404],
  ])(
    'answers who goes on sending to %s as %s and wants the connection closed',
    async (path, type, status) => {
      const { hostname, port } = new URL(server.url)
      const body = Buffer.alloc(8 * 2 ** 20, 'x')
      const head = [
        `POST ${path} HTTP/1.1`,
        `Host: ${hostname}`,
        `Content-Type: ${type}`,
        'x-graphql-yoga-csrf: 1',
        `Content-Length: ${body.length}`,
        'Connection: close',
      ]
      for (let i = 0; i < 10; i++) {
        const socket = connect(Number(port), hostname)
        socket.write(`${head.join('\r\n')}\r\n\r\n`)
        socket.write(body)
        let answer = ''
        for await (const chunk of socket) answer += chunk
        expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
      }
    },
  )

  test('says that it is well, and what is where', async () => {
    const answer = async (path: string) => (await fetch(`${server.url}${path}`)).json()
    expect(await answer('/health/live')).toEqual({ status: 'ok' })
    const well = { status: 'ok', version: expect.any(String), database: 'ok', disk: 'ok', predictor: 'ok' }
    await expect.poll(() => answer('/health/ready')).toEqual(well)
    expect(await answer('/health')).toEqual(well)
    for (const page of ['/', '/runs', '/runs/42', '/networks/new?features=64']) {
      const { status, headers } = await fetch(`${server.url}${page}`)
      expect([page, status, headers.get('content-type')]).toEqual([page, 200, 'text/html; charset=utf-8'])
    }
    for (const path of ['/', '/graphql?query={__typename}', '/assets/nothing.js', '/nowhere']) {
      const { headers } = await fetch(`${server.url}${path}`)
      const of = ['x-content-type-options', 'x-frame-options', 'referrer-policy'].map((name) =>
        headers.get(name),
      )
      expect([path, ...of]).toEqual([path, 'nosniff', 'DENY', 'no-referrer'])
    }
    expect((await fetch(`${server.url}/assets/nothing.js`)).status).toBe(404)
    expect((await fetch(`${server.url}/assets/../app.js`)).status).toBe(404)
    expect((await fetch(server.url, { method: 'POST' })).status).toBe(405)
    const nowhere = await fetch(`${server.url}/nowhere`)
    expect(nowhere.status).toBe(404)
    expect(await nowhere.text()).toMatch('/graphql')
  })

  test('tells Prometheus what it was asked', async () => {
    await server.query('{ __typename }')
    const metrics = await fetch(`${server.url}/metrics`)
    expect(metrics.headers.get('content-type')).toMatch('text/plain; version=0.0.4')
    const text = await metrics.text()
    expect(text).toMatch(
      /^vggzoo_operations_total\{type="query",field="__typename",outcome="answered"\} [1-9]/m,
    )
    expect(text).toMatch(/^vggzoo_database_up 1$/m)
    expect((await fetch(`${server.url}/metrics`, { method: 'POST' })).status).toBe(405)
  })

  test('keeps nothing open of subscriptions that it could not answer', async () => {
    const refused = await Promise.all(
      Array.from({ length: 5 }, () =>
        fetch(`${server.url}/graphql`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            accept: 'multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json',
          },
          body: JSON.stringify({ query: 'subscription { trainingRunsChanged { id } }' }),
        }),
      ),
    )
    expect(refused.map(({ status }) => status)).toEqual([406, 406, 406, 406, 406])
    const open = async () => (await server.query('{ system { openSubscriptions } }')).system.openSubscriptions
    await expect.poll(open).toBe(0)
  })

  test('refuses an id that is none with a code', async () => {
    const { errors } = await server.execute('{ node(id: "nonsense") { id } }')
    expect(errors?.[0].extensions?.code).toBe('BAD_USER_INPUT')
    const { data } = await server.execute(
      `{ node(id: "${Buffer.from('TrainingRun:x').toString('base64')}") { id } }`,
    )
    expect(data.node).toBeNull()
  })
})

describe('the zoo through the API', () => {
  test('lists every network with its counts, by pages and by origin', async () => {
    const { custom, architectures } = await server.query(
      '{ custom: architectures(origin: CUSTOM) { totalCount } architectures { totalCount edges { node { id name parameterCount weightLayers origin } } } }',
    )
    const counts = Object.fromEntries(
      architectures.edges.map(({ node }: { node: { name: string; parameterCount: number } }) => [
        node.name,
        node.parameterCount,
      ]),
    )
    expect(architectures.totalCount - custom.totalCount).toBe(17)
    expect(counts).toMatchObject({
      vgg11: 132863336,
      vgg16_c: 133638952,
      vgg19_bn: 143678248,
      lecture_vgg16: 58190506,
    })
    const paper = await server.query(
      '{ architectures(origin: PAPER, first: 2) { totalCount pageInfo { hasNextPage } } }',
    )
    expect(paper.architectures).toEqual({ totalCount: 6, pageInfo: { hasNextPage: true } })
  })

  test('shows layers with shapes and receptive fields', async () => {
    const { architecture } = await server.query(
      '{ architecture(name: "vgg16") { layers { kind outputShape receptiveField kernelSize parameterCount } } }',
    )
    expect(architecture.layers[2]).toMatchObject({
      kind: 'CONV',
      outputShape: [224, 224, 64],
      receptiveField: 5,
    })
    expect((await server.query('{ architecture(name: "nothing") { id } }')).architecture).toBeNull()
  })

  test('shows images of the data set', async () => {
    const { datasets } = await server.query('{ datasets { id name } }')
    const { node: dataset } = await server.query(
      `query ($id: ID!) { node(id: $id) { ... on Dataset {
        name state classes samples(count: 3, seed: 1) { label image(scale: 2) }
      } } }`,
      { id: datasets.find(({ name }: { name: string }) => name === 'tiny').id },
    )
    expect(dataset).toMatchObject({ name: 'tiny', state: 'READY' })
    for (const { label, image } of dataset.samples) {
      expect(dataset.classes).toContain(label)
      expect(image).toMatch(/^data:image\/png;base64,/)
    }
  })
})
