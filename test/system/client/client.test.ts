import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { graphql } from '../../../src/client/graphql.ts'
import {
  type Client,
  type Connection,
  createClient,
  DisposedError,
  OperationError,
  type RunEvent,
  TransportError,
} from '../../../src/client/node.ts'
import { noise } from '../../support/images.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'

const START = graphql(`
  mutation StartForClient($input: StartTrainingRunInput!) {
    startTrainingRun(input: $input) {
      __typename
      ... on TrainingRun { id number }
      ... on Error { message }
    }
  }
`)
const CANCEL = graphql(`
  mutation CancelForClient($id: ID!, $idempotencyKey: String) {
    cancelTrainingRun(id: $id, idempotencyKey: $idempotencyKey) { __typename }
  }
`)
const RUN = graphql(`
  query RunForClient($id: ID!) {
    trainingRun(id: $id) { status losses { step loss attempt } }
  }
`)
const PREDICT = graphql(`
  mutation PredictForClient($image: ImageInput!) {
    predict(input: { image: $image }) {
      __typename
      ... on Prediction { label }
      ... on UnsupportedImageError { reason }
      ... on OverloadedError { retryAfterMs }
      ... on Error { message }
    }
  }
`)

const INPUT = {
  architecture: 'vgg_mini',
  dataset: 'tiny',
  learningRate: 0.02,
  batchSize: 16,
  logEvery: 1,
  seed: 7,
}

let server: TestServer
beforeAll(async () => {
  server = await startServer({ dataset: 'tiny' })
})
afterAll(stopServers)

function clientOf(url: string = server.url): Client {
  const client = createClient({ url })
  onTestFinished(() => client.dispose())
  return client
}

async function start(client: Client, input: { epochs: number }): Promise<string> {
  const { startTrainingRun } = await client.mutate(START, { input: { ...INPUT, ...input } })
  if (startTrainingRun.__typename !== 'TrainingRun') throw new Error(JSON.stringify(startTrainingRun))
  return startTrainingRun.id
}

const pointsOf = (event: RunEvent) =>
  event.__typename === 'LossPoints'
    ? event.points.map(({ step, loss, attempt }) => ({ step, loss, attempt }))
    : []

/** A way to the server that can be cut, be silent, or lead nowhere for a while. */
async function openDetour(): Promise<{
  url: string
  readonly connections: number
  cut(): void
  silence(): void
  close(): Promise<void>
  open(): Promise<void>
}> {
  const { port } = new URL(server.url)
  const sockets = new Set<Socket>()
  let own = 0
  let connections = 0
  let detour = createServer()
  const open = async () => {
    detour = createServer((socket) => {
      connections++
      const onward = connect(Number(port), '127.0.0.1')
      for (const [one, other] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        sockets.add(one)
        one
          .on('error', () => {})
          .on('close', () => other.destroy())
          .pipe(other)
      }
    }).listen(own, '127.0.0.1')
    await once(detour, 'listening')
    own = (detour.address() as AddressInfo).port
  }
  const cut = () => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  const close = async () => {
    const closed = new Promise((resolve) => detour.close(resolve))
    cut()
    await closed
  }
  await open()
  onTestFinished(close)
  return {
    url: `http://127.0.0.1:${own}`,
    get connections() {
      return connections
    },
    cut,
    silence() {
      for (const socket of sockets) socket.unpipe()
    },
    close,
    open,
  }
}

function connectionOf(client: Client, accept: (connection: Connection) => boolean): Promise<Connection> {
  return new Promise((resolve) => {
    if (accept(client.connection)) return resolve(client.connection)
    const forget = client.onConnection((connection) => {
      if (!accept(connection)) return
      forget()
      resolve(connection)
    })
  })
}

describe('a request of the client', () => {
  test('answers typed data, and an expected failure as a value', async () => {
    const { startTrainingRun } = await clientOf().mutate(START, {
      input: { ...INPUT, architecture: 'vgg17' },
    })
    expect(startTrainingRun).toMatchObject({ __typename: 'ValidationError', message: /vgg17/ })
  })

  test('that the server refuses throws its code and what it says', async () => {
    const refused = await clientOf()
      .query('{ nothing }')
      .catch((error) => error)
    expect(refused).toBeInstanceOf(OperationError)
    expect(refused).toMatchObject({ code: 'GRAPHQL_VALIDATION_FAILED', message: /nothing/ })
  })

  test('to where nobody listens, or somebody else, says so and what to do', async () => {
    const nobody = createServer().listen(0, '127.0.0.1')
    await once(nobody, 'listening')
    const { port } = nobody.address() as AddressInfo
    nobody.close()
    const lost = await clientOf(`http://127.0.0.1:${port}`)
      .query(RUN, { id: 'x' })
      .catch((error) => error)
    expect(lost).toBeInstanceOf(TransportError)
    expect(lost).toMatchObject({ code: 'UNREACHABLE', message: /ECONNREFUSED.* Is vggzoo running there/ })

    const other = createHttpServer((_request, response) => response.end('<h1>Hello</h1>')).listen(0)
    await once(other, 'listening')
    onTestFinished(() => void other.close())
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
    await expect(clientOf(url).query(RUN, { id: 'x' })).rejects.toMatchObject({
      code: 'NOT_GRAPHQL',
      message: /answered 200/,
    })
  })

  test('ends when its signal is aborted, with the reason', async () => {
    const reason = new Error('enough')
    await expect(clientOf().query(RUN, { id: 'x' }, { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    )
  })

  test('with a file tells how far it is, and the server has read all of it', async () => {
    const sent: number[] = []
    const png = await noise(1, 600, 600).png().toBuffer()
    const file = new File([new Uint8Array(png)], 'noise.png')
    const progress = ({ sent: bytes, total }: { sent: number; total: number }) => {
      expect(total).toBe(file.size)
      sent.push(bytes)
    }
    const upload = file as Blob
    const { predict } = await clientOf().mutate(PREDICT, { image: { upload } }, { onProgress: progress })
    // Nothing was trained yet: the picture itself is what it could read.
    expect(predict.__typename).toBe('NotFoundError')
    expect(sent.at(-1)).toBe(file.size)
    expect(sent.length).toBeGreaterThan(1)
    expect(sent).toEqual([...sent].sort((a, b) => a - b))

    const text = new File(['no picture'], 'letter.txt') as Blob
    const refused = await clientOf().mutate(PREDICT, { image: { upload: text } })
    expect(['NotFoundError', 'UnsupportedImageError']).toContain(refused.predict.__typename)
  })
})

/** A GraphQL server that says what it is told to, in turn, and keeps what it was asked. */
async function scripted(...answers: (object | 'cut')[]) {
  const asked: { query: string; variables: Record<string, never> }[] = []
  const http = createHttpServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    asked.push(JSON.parse(Buffer.concat(chunks).toString()))
    const answer = answers.shift() ?? { data: {} }
    if (answer === 'cut') return void request.socket.destroy()
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
  }).listen(0, '127.0.0.1')
  await once(http, 'listening')
  onTestFinished(() => void http.close())
  return { asked, client: clientOf(`http://127.0.0.1:${(http.address() as AddressInfo).port}`) }
}

describe('a request that is retried', () => {
  const overloaded = {
    data: { startTrainingRun: { __typename: 'OverloadedError', message: 'Full.', retryAfterMs: 5 } },
  }
  const started = { data: { startTrainingRun: { __typename: 'TrainingRun', id: 'r', number: 1 } } }

  test('goes out again with the same key while the server is overloaded, or gives no answer', async () => {
    const { asked, client } = await scripted(overloaded, 'cut', overloaded, started)
    const { startTrainingRun } = await client.mutate(START, { input: INPUT }, { retry: true })
    expect(startTrainingRun).toMatchObject({ id: 'r' })
    const keys = asked.map(({ variables: { input } }) => (input as { idempotencyKey: string }).idempotencyKey)
    expect(keys).toHaveLength(4)
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/)
    expect(new Set(keys).size).toBe(1)
  })

  test('answers the OverloadedError when nobody asked for more, and each call has a key of its own', async () => {
    const { asked, client } = await scripted(overloaded, overloaded)
    for (const _call of [1, 2]) {
      const { startTrainingRun } = await client.mutate(START, { input: INPUT })
      expect(startTrainingRun.__typename).toBe('OverloadedError')
    }
    const [one, other] = asked.map(({ variables }) => JSON.stringify(variables))
    expect(one).not.toBe(other)
  })

  test('keeps the key that it was given, in an input or in a variable', async () => {
    const { asked, client } = await scripted()
    await client.mutate(START, { input: { ...INPUT, idempotencyKey: 'mine' } })
    await client.mutate(CANCEL, { id: 'r', idempotencyKey: 'mine too' })
    await client.mutate(CANCEL, { id: 'r' })
    expect(asked[0]!.variables).toMatchObject({ input: { idempotencyKey: 'mine' } })
    expect(asked[1]!.variables).toEqual({ id: 'r', idempotencyKey: 'mine too' })
    expect(asked[2]!.variables).toEqual({ id: 'r', idempotencyKey: expect.stringMatching(/^[0-9a-f]{32}$/) })
  })

  test('is not sent twice when it has no key and may have been done', async () => {
    const { asked, client } = await scripted('cut')
    const image = { base64: '' }
    await expect(client.mutate(PREDICT, { image }, { retry: true })).rejects.toBeInstanceOf(TransportError)
    expect(asked).toHaveLength(1)
  })

  test('waits no longer than its signal', async () => {
    const forever = { data: { startTrainingRun: { __typename: 'OverloadedError', retryAfterMs: 1e9 } } }
    const { asked, client } = await scripted(forever)
    const abort = new AbortController()
    const answer = client.mutate(START, { input: INPUT }, { retry: true, signal: abort.signal })
    await expect.poll(() => asked.length).toBe(1)
    abort.abort()
    await expect(answer).rejects.toMatchObject({ name: 'AbortError' })
  })
})

describe('a run that is followed', () => {
  test('tells each event once and in order, though the socket is cut again and again', async () => {
    const detour = await openDetour()
    const client = clientOf(detour.url)
    const id = await start(client, { epochs: 2 })
    const events: RunEvent[] = []
    for await (const event of client.follow(id)) {
      events.push(event)
      if (events.length % 4 === 0) detour.cut()
    }
    const { trainingRun } = await client.query(RUN, { id })
    expect(trainingRun?.status).toBe('COMPLETED')
    expect(events.flatMap(pointsOf)).toEqual(trainingRun?.losses)
    expect(detour.connections).toBeGreaterThan(4)
    const cursors = events.map(({ cursor }) => cursor)
    expect(new Set(cursors).size).toBe(cursors.length)

    // From a cursor on there is only what comes behind it; behind the last, nothing.
    const rest: RunEvent[] = []
    for await (const event of client.follow(id, { after: cursors[9] })) rest.push(event)
    expect(rest).toEqual(events.slice(10))
    for await (const event of client.follow(id, { after: cursors.at(-1) })) expect(event).toBeUndefined()

    const lines: number[] = []
    for await (const { number } of client.followLog(id)) {
      lines.push(number)
      if (lines.length === 2) detour.cut()
    }
    expect(lines.length).toBeGreaterThan(4)
    expect(lines).toEqual(lines.map((_line, index) => index + 1))
  })

  test('is left by break, by its signal with the reason, and by dispose with an error', async () => {
    const client = clientOf()
    const id = await start(client, { epochs: 10_000 })
    for await (const { __typename } of client.follow(id)) if (__typename === 'LossPoints') break
    const abort = new AbortController()
    const follow = async (signal?: AbortSignal) => {
      for await (const _event of client.follow(id, { signal })) abort.abort('enough')
    }
    await expect(follow(abort.signal)).rejects.toBe('enough')
    await expect(follow(abort.signal)).rejects.toBe('enough')
    const disposed = expect(follow()).rejects.toBeInstanceOf(DisposedError)
    client.dispose()
    await disposed
    await clientOf().mutate(CANCEL, { id })
  })

  test('that is not there throws what the server says', async () => {
    await expect(clientOf().follow('nonsense').next()).rejects.toBeInstanceOf(OperationError)
  })
})

describe('the connection of the client', () => {
  const RUNS = graphql(`
    subscription RunsForClient {
      trainingRunsChanged { id status }
    }
  `)

  test('is told: idle, connected, disconnected since when and why, connected again', async () => {
    const detour = await openDetour()
    const client = clientOf(detour.url)
    expect(client.connection.status).toBe('idle')
    const stream = client.subscribe(RUNS)
    const item = stream.next()
    await connectionOf(client, ({ status }) => status === 'connected')
    await detour.close()
    const lost = await connectionOf(client, ({ reason }) => /ECONNREFUSED/.test(reason ?? ''))
    expect(lost.status).toBe('disconnected')
    expect(lost.since).toBeLessThanOrEqual(Date.now())
    await detour.open()
    await connectionOf(client, ({ status }) => status === 'connected')
    // The subscription is there again, too.
    const id = await start(client, { epochs: 1 })
    expect((await item).value).toMatchObject({ trainingRunsChanged: { id } })
    await stream.return?.()
    expect((await connectionOf(client, ({ status }) => status === 'idle')).reason).toBeUndefined()
  })

  test('that is dead and has not said so is found out when the page is seen again', async () => {
    const detour = await openDetour()
    const client = clientOf(detour.url)
    const next = client.subscribe(RUNS).next()
    next.catch(() => {})
    await connectionOf(client, ({ status }) => status === 'connected')
    detour.silence()
    client.reconnectNow()
    const lost = await connectionOf(client, ({ status }) => status === 'disconnected')
    expect(lost.reason).toBe('The server did not answer in time.')
    await connectionOf(client, ({ status }) => status === 'connected')
  })
})
