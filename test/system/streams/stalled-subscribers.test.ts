import { mkdtempSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type WebSocket from 'ws'
import { openDatabase } from '../../../src/db/client.ts'
import { RUN_ROW } from '../../support/database.ts'
import { placeMigratedDatabase } from '../../support/embedded-database.ts'
import { collectEvents, type Event } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'
import { openSocket, openSse, untilSubscriptions } from '../../support/streams.ts'

afterAll(stopServers)

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
