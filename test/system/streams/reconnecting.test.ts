import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seededRandom } from '../../support/random.ts'
import { collectEvents, EVENTS, type Event, startRun } from '../../support/runs.ts'
import { sharedServer, stopServers, type TestServer } from '../../support/server.ts'
import { openSocket, openSse, untilSubscriptions } from '../../support/streams.ts'

afterAll(stopServers)

let server: TestServer
beforeAll(async () => {
  server = await sharedServer()
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
