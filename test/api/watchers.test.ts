import type { IncomingMessage } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { createBus } from '../../src/adapters/local/bus.ts'
import { NO_TELEMETRY } from '../../src/adapters/local/telemetry.ts'
import { followRun } from '../../src/runs/journal/follow.ts'
import type { RunEvent } from '../../src/runs/model/events.ts'
import type { HttpServer } from '../../src/server/http.ts'
import { errorLog, serveGraphQL } from '../support/graphql-server.ts'
import { seededRandom } from '../support/random.ts'
import type { Event } from '../support/runs.ts'
import type { TestServer } from '../support/server.ts'
import { openSocket, openSse } from '../support/streams.ts'

/** The server's own HTTP and WebSocket parts, over a run whose journal is an array. */
let http: HttpServer
let server: TestServer
let run: ReturnType<typeof createRun>
let logged: string
beforeAll(async () => {
  // Its runs are those of the test.
  const follow = async (_id: string, after: number) => run.follow(after)
  http = await serveGraphQL({ runs: { follow } }, { logger: errorLog((line) => (logged += line)) })
  server = { url: http.url } as TestServer
})
afterAll(() => http.close())
beforeEach(() => {
  run = createRun()
  logged = ''
})

function createRun() {
  const bus = createBus<RunEvent>()
  const events: RunEvent[] = []
  const isOver = () => events.at(-1)?.kind === 'STATUS_CHANGED'
  const journal = {
    read: async (_runId: string, after: number, limit: number) => events.slice(after, after + limit),
    position: async () => ({ status: isOver() ? 'COMPLETED' : 'RUNNING', seq: events.length }) as const,
  }
  const place = () => ({ runId: '1', seq: events.length + 1, at: new Date(0), attempt: 1 })
  function publish(event: RunEvent): void {
    events.push(event)
    bus.publish('1', event)
  }
  return {
    bus,
    events,
    follow: (after: number) => followRun({ journal, bus, telemetry: NO_TELEMETRY }, '1', after),
    /** An event whose field `digest` is made by the function each time that it is executed. */
    save: (digest: () => string = () => '') =>
      publish({
        ...place(),
        kind: 'CHECKPOINT_SAVED',
        step: events.length,
        bytes: 1,
        get digest() {
          return digest()
        },
      }),
    end: () =>
      publish({
        ...place(),
        kind: 'STATUS_CHANGED',
        status: 'COMPLETED',
        failure: null,
        step: events.length,
      }),
  }
}

const RUN = Buffer.from('TrainingRun:1').toString('base64')
const cursorAt = (seq: number) => Buffer.from(`event:${seq}`).toString('base64url')
const selecting = (fields: string, variables = '') => `subscription ($id: ID!, $after: Cursor${variables}) {
  trainingRunEvents(id: $id, after: $after) { ... on RunEvent { cursor } ${fields} }
}`
const STEPS = selecting('... on CheckpointSaved { step }')
const DIGESTS = selecting('... on CheckpointSaved { digest } ... on Lagged { from to }')
const OPTIONAL = selecting(
  '... on CheckpointSaved { digest @include(if: $isWanted) }',
  ', $isWanted: Boolean!',
)

/** A subscriber over WebSocket: what it got, and its socket, which closes behind the end. */
async function watch(variables: object, query: string) {
  const got: Event[] = []
  const socket = await openSocket(server, { id: RUN, ...variables }, (event) => got.push(event), query)
  const closed = new Promise<Event[]>((resolve) => socket.once('close', () => resolve(got)))
  return { got, socket, closed }
}

/** Resolves when so many follow the run. */
async function untilFollowed(count: number): Promise<void> {
  while (run.bus.listenerCount !== count) await setImmediate()
}

async function eventsOf(response: IncomingMessage): Promise<Event[]> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, json]) => JSON.parse(json).data.trainingRunEvents)
}

const cursors = (events: Event[]) => events.map(({ cursor }) => cursor)
const from = (seq: number) => run.events.slice(seq).map((event) => cursorAt(event.seq))

describe('those who watch one run', () => {
  test('at any cursor, with any document, and while others come and leave, get each event once and in order', async () => {
    const random = seededRandom(3)
    const staying: { after: number; closed: Promise<Event[]> }[] = []
    const leaving: WebSocket[] = []
    const responses: Promise<Event[]>[] = []
    for (let i = 0; i < 30; i++) {
      run.save(() => `digest ${i}`)
      const after = Math.floor(random() * run.events.length)
      const watcher = await watch(
        { after: cursorAt(after), isWanted: i % 2 === 0 },
        [STEPS, DIGESTS, OPTIONAL][i % 3],
      )
      if (i % 5 === 0) leaving.push(watcher.socket)
      else staying.push({ after, closed: watcher.closed })
      if (i % 10 === 0) responses.push(openSse(server, RUN, STEPS).then(eventsOf))
      if (i % 7 === 0) leaving.pop()?.terminate()
      run.save()
    }
    for (const socket of leaving) socket.close()
    run.end()
    for (const { after, closed } of staying) expect(cursors(await closed)).toEqual(from(after))
    for (const events of await Promise.all(responses)) expect(cursors(events)).toEqual(from(0))
    await untilFollowed(0)
  })

  test('have it executed once for each selection that differs, however they came to it', async () => {
    let executed = 0
    run.save()
    const same = await Promise.all([
      ...Array.from({ length: 5 }, () => watch({}, DIGESTS)),
      ...Array.from({ length: 5 }, () => watch({ after: cursorAt(1) }, DIGESTS)),
    ])
    const sse = Promise.all(
      [openSse(server, RUN, DIGESTS), openSse(server, RUN, DIGESTS)].map(async (it) => eventsOf(await it)),
    )
    const other = await Promise.all(
      [true, true, false, false].map((isWanted) => watch({ after: cursorAt(1), isWanted }, OPTIONAL)),
    )
    await untilFollowed(16)
    run.save(() => `executed ${++executed}`)
    run.end()
    const digests = await Promise.all(
      [...same, ...other].map(async ({ closed }) => (await closed).at(-2).digest),
    )
    // Those of the second document that do not want it select something else than those that do.
    expect(digests.filter((digest) => digest === undefined)).toHaveLength(2)
    expect(new Set(digests.filter((digest) => digest !== undefined)).size).toBe(2)
    expect((await sse).map((events) => events.at(-2).digest)).toEqual([digests[0], digests[0]])
    expect(executed).toBe(2)
  })

  test('get an event of any length whole, also in letters of several bytes', async () => {
    const watchers = await Promise.all([watch({}, DIGESTS), watch({}, DIGESTS)])
    await untilFollowed(2)
    const texts = [0, 1, 20, 21, 22, 60, 120, 65_300, 65_400, 65_450, 70_000].map((length) =>
      'é'.repeat(length),
    )
    const exact = Array.from({ length: 140 }, (_, i) => 'x'.repeat(i))
    for (const text of [...texts, ...exact]) run.save(() => text)
    run.end()
    for (const { closed } of watchers) {
      expect((await closed).slice(0, -1).map(({ digest }) => digest)).toEqual([...texts, ...exact])
    }
  })

  test('are each told of a field that fails, with its code, and the real error stays here', async () => {
    run.save(() => {
      throw new Error('secret')
    })
    run.end()
    const answers = await Promise.all(
      [1, 2, 3].map(async () => {
        const client = createClient({
          url: `${server.url.replace('http', 'ws')}/graphql`,
          webSocketImpl: WebSocket,
        })
        for await (const answer of client.iterate({ query: DIGESTS, variables: { id: RUN } })) return answer
        return undefined
      }),
    )
    for (const answer of answers) {
      expect(answer).toMatchObject({
        data: null,
        errors: [
          {
            message: 'Unexpected error. The server log says more.',
            path: ['trainingRunEvents', 'digest'],
            extensions: { code: 'INTERNAL_SERVER_ERROR' },
          },
        ],
      })
    }
    expect(JSON.stringify(answers)).not.toContain('secret')
    expect(logged).toContain('secret')
    await untilFollowed(0)
  })

  test('wait for nobody who has stopped reading, and who reads again is told that he lags, and gets all', async () => {
    const slow = await watch({}, DIGESTS)
    const quick = await watch({}, DIGESTS)
    await untilFollowed(2)
    run.save()
    while (slow.got.length === 0) await setImmediate()
    slow.socket.pause()
    const large = 'x'.repeat(100_000)
    for (let i = 0; i < 400; i++) {
      run.save(() => large)
      while (quick.got.length < run.events.length) await setImmediate()
    }
    run.end()
    expect(cursors(await quick.closed)).toEqual(from(0))
    slow.socket.resume()
    const told = await slow.closed
    const lagged = told.filter(({ from }) => from !== undefined)
    expect(lagged).toHaveLength(1)
    expect(lagged[0]).toMatchObject({ to: run.events.length })
    expect(cursors(told.filter(({ from }) => from === undefined))).toEqual(from(0))
    await untilFollowed(0)
  })
})
