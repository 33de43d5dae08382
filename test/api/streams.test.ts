import { mkdtempSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { openDatabase } from '../../src/db/client.ts'
import { RUN_ROW } from '../support/database.ts'
import { placeMigratedDatabase } from '../support/embedded-database.ts'
import { seededRandom } from '../support/random.ts'
import { collectEvents, EVENTS, type Event, startRun } from '../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../support/server.ts'

afterAll(stopServers)

/** A socket that speaks graphql-transport-ws by hand, so that a test can cut it or stop reading from it. */
async function openSocket(
  server: TestServer,
  variables: object,
  onEvent: (event: Event) => void,
  query = EVENTS,
): Promise<WebSocket> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  socket.on('message', (data) => {
    const message = JSON.parse(String(data))
    if (message.type === 'connection_ack') {
      socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query, variables } }))
    }
    if (message.type === 'next') onEvent(message.payload.data.trainingRunEvents)
    if (message.type === 'complete') socket.close()
  })
  socket.send(JSON.stringify({ type: 'connection_init' }))
  return socket
}

/** A GET of the subscription as server-sent events, as `curl -N` sends it. */
function openSse(server: TestServer, id: string, query = EVENTS): Promise<IncomingMessage> {
  const search = new URLSearchParams({ query, variables: JSON.stringify({ id }) })
  return new Promise((resolve, reject) => {
    request(`${server.url}/graphql?${search}`, {
      headers: { accept: 'text/event-stream' },
    })
      .once('response', resolve)
      .once('error', reject)
      .end()
  })
}

/** Nothing tells when a subscription is open or gone; so it is asked for, often. */
async function untilSubscriptions(server: TestServer, wanted: number): Promise<void> {
  const count = async () => (await server.query('{ system { openSubscriptions } }')).system.openSubscriptions
  while ((await count()) !== wanted) await setTimeout(10)
}

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})

describe('reconnecting', () => {
  test('with the last cursor, 100 times at random moments of a run, shows each event exactly once', async () => {
    // Epochs of one step: each makes two events, as fast as they come.
    const id = await startRun(server, { epochs: 100, batchSize: 4, trainLimit: 4, testLimit: 1 })
    const random = seededRandom(42)
    const seen: Event[] = []
    let cuts = 0
    let ended = false
    while (!ended) {
      const take = cuts < 100 ? Math.floor(random() * 3) : Number.POSITIVE_INFINITY
      await new Promise<void>((resolve, reject) => {
        let taken = 0
        const after = seen.at(-1)?.cursor
        openSocket(server, { id, after }, (event) => {
          // What arrives behind the cut was sent, but this client is gone: it does not count as seen.
          if (taken >= take) return
          taken += 1
          seen.push(event)
          ended = ['COMPLETED', 'FAILED', 'CANCELLED'].includes(event.status)
        }).then((socket) => {
          socket.once('close', () => resolve()).once('error', reject)
          if (take === 0) return socket.terminate()
          socket.on('message', () => {
            if (taken >= take && !ended) socket.terminate()
          })
        }, reject)
      })
      cuts += 1
    }
    expect(cuts).toBeGreaterThan(100)
    expect(seen).toEqual(await collectEvents(server, id))
    expect(seen.at(-1)).toMatchObject({ status: 'COMPLETED' })
    const steps = seen.flatMap((event) => event.points ?? []).map((point) => point.step)
    expect(steps).toEqual(steps.map((_, i) => i + 1))
    await untilSubscriptions(server, 0)
  })
})

describe('subscribers that stop reading', () => {
  const EVENT_COUNT = 600
  const POINTS = 10
  const PADDING = 2000
  const STALLED = 5
  const QUERY = `subscription Events($id: ID!) {
    trainingRunEvents(id: $id) {
      ... on RunEvent { cursor }
      ... on LossPoints { points { step nonFinite } }
    }
  }`
  let stalling: TestServer
  let id: string

  // A finished run whose journal is about 12 MB as JSON, far more than sockets buffer; long texts, so that it costs little
  // to make. That the server holds few points, however short, is for test/system/runs/follow.test.ts.
  beforeAll(async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'vggzoo-streams-'))
    await placeMigratedDatabase(join(dataDir, 'database'))
    const { prisma, close } = await openDatabase({ folder: join(dataDir, 'database') })
    const run = await prisma.trainingRun.create({
      data: {
        ...RUN_ROW,
        name: 'long',
        attempt: 1,
        status: 'COMPLETED',
        lastSeq: EVENT_COUNT + 1,
      },
    })
    const at = new Date()
    const seqs = Array.from({ length: EVENT_COUNT }, (_, i) => i + 1)
    await prisma.runEvent.createMany({
      data: [
        ...seqs.map((seq) => ({ runId: run.id, seq, kind: 'LOSS_POINTS' as const, at, attempt: 1 })),
        {
          runId: run.id,
          seq: EVENT_COUNT + 1,
          kind: 'STATUS_CHANGED',
          at,
          attempt: 1,
          payload: { status: 'COMPLETED', failure: null, step: 0 },
        },
      ],
    })
    await prisma.$executeRaw`
      INSERT INTO "LossPoint"
        ("runId", attempt, step, seq, epoch, "nonFinite", "learningRate", "imagesPerSecond", at)
      SELECT ${run.id}, 1, step, (step - 1) / ${POINTS}::int + 1, 0.5, repeat('x', ${PADDING}::int), 0.1, 1.5, ${at}
      FROM generate_series(1, ${EVENT_COUNT * POINTS}::int) AS step`
    await close()
    id = Buffer.from(`TrainingRun:${run.id}`).toString('base64')
    // With so little room garbage is collected soon, and memory that is held is seen.
    stalling = await startServer({ dataDir, env: { NODE_OPTIONS: '--max-old-space-size=192' } })
  })

  test('cost a bounded amount of memory, disturb nobody, and are forgotten when they leave', async () => {
    // Once through, so that what the server keeps for good (code, caches) is not counted below.
    expect(await collectEvents(stalling, id, QUERY)).toHaveLength(EVENT_COUNT + 1)
    const memory = async () =>
      (await stalling.query('{ system { processMemoryBytes } }')).system.processMemoryBytes
    const before = await memory()

    const sockets: WebSocket[] = []
    const responses: IncomingMessage[] = []
    for (let i = 0; i < STALLED; i++) {
      const socket = await new Promise<WebSocket>((resolve, reject) => {
        const opening: Promise<WebSocket> = openSocket(
          stalling,
          { id },
          () => {
            void opening.then((opened) => {
              opened.pause()
              resolve(opened)
            })
          },
          QUERY,
        )
        opening.catch(reject)
      })
      sockets.push(socket)
      // Never read from: its first bytes fill the socket's buffers and stay there.
      responses.push((await openSse(stalling, id, QUERY)).pause())
    }
    // The headers of an answer come before its subscription is open.
    await untilSubscriptions(stalling, 2 * STALLED)

    expect(await collectEvents(stalling, id, QUERY)).toHaveLength(EVENT_COUNT + 1)
    const grown = ((await memory()) - before) / 2 ** 20
    // Ten subscribers with the whole log each would be 120 MB of text alone.
    expect(grown).toBeLessThan(80)

    for (const socket of sockets) socket.terminate()
    for (const response of responses) response.destroy()
    await untilSubscriptions(stalling, 0)
  })

  test('go on where they were when they read again', async () => {
    const response = await openSse(stalling, id, QUERY)
    response.setEncoding('utf8')
    let text = ''
    for await (const chunk of response) {
      text += chunk
      if (text.includes('event: complete')) break
    }
    const events = [...text.matchAll(/^data: (\{.*\})$/gm)].map(
      ([, json]) => JSON.parse(json).data.trainingRunEvents,
    )
    expect(events).toHaveLength(EVENT_COUNT + 1)
    expect(new Set(events.map((event: Event) => event.cursor)).size).toBe(EVENT_COUNT + 1)
  })
})

describe('a subscription', () => {
  test('to an unknown run, or with a cursor that is none of its own, is refused with a code', async () => {
    const unknown = Buffer.from('TrainingRun:nothing').toString('base64')
    const refused = async (variables: object) => {
      for await (const { errors } of server.subscribe(EVENTS, { ...variables })) return errors?.[0]
      return undefined
    }
    expect(await refused({ id: unknown })).toMatchObject({ extensions: { code: 'NOT_FOUND' } })
    const id = await startRun(server)
    const ahead = Buffer.from('event:99999').toString('base64url')
    expect(await refused({ id, after: ahead })).toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } })
    expect((await refused({ id, after: 'nonsense' }))?.message).toMatch(/Cursor/)
  })

  test('over server-sent events ends with the run', async () => {
    const id = await startRun(server)
    const response = await openSse(server, id)
    expect(response.headers['content-type']).toMatch('text/event-stream')
    let text = ''
    for await (const chunk of response.setEncoding('utf8')) text += chunk
    expect(text).toMatch(/"status":"COMPLETED"/)
    expect(text.trimEnd()).toMatch(/event: complete\ndata:$/)
  })
})
