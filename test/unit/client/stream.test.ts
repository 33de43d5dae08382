import { describe, expect, test } from 'vitest'
import { OperationError, TransportError } from '../../../src/client/errors.ts'
import type { Socket, Subscriber } from '../../../src/client/socket.ts'
import { openStream, type StreamOptions } from '../../../src/client/stream.ts'

interface Data {
  cursor: number
}

/** A socket whose other end is the test: `asked` has the variables of each subscription, as they are. */
function fakeSocket() {
  const subscribers: Subscriber[] = []
  const asked: object[] = []
  let closed = 0
  const socket = {
    subscribe({ variables }, subscriber) {
      subscribers.push(subscriber)
      asked.push(variables as object)
      return () => {
        closed++
        subscriber.complete()
      }
    },
  } as Pick<Socket, 'subscribe'> as Socket
  return {
    socket,
    asked,
    get closed() {
      return closed
    },
    get newest(): Subscriber {
      return subscribers.at(-1)!
    },
    say: (...cursors: number[]) => {
      for (const cursor of cursors) subscribers.at(-1)!.next({ data: { cursor } })
    },
  }
}

function open(socket: Socket, options: Partial<StreamOptions<Data, number>> = {}) {
  return openStream<Data, number>(socket, new Set(), {
    query: '',
    variables: {},
    select: ({ cursor }) => cursor,
    resume: ({ cursor }) => ({ after: cursor }),
    ...options,
  })
}

describe('a stream', () => {
  test('sets its place in the variables that the socket sends again', async () => {
    const server = fakeSocket()
    const stream = open(server.socket)
    server.say(1, 2)
    expect(server.asked).toEqual([{ after: 2 }])
    expect([await stream.next(), await stream.next()]).toMatchObject([{ value: 1 }, { value: 2 }])
  })

  test('leaves out what is not selected, and goes on behind it all the same', async () => {
    const server = fakeSocket()
    const stream = open(server.socket, { select: ({ cursor }) => (cursor === 2 ? undefined : cursor) })
    server.say(1, 2)
    expect(server.asked).toEqual([{ after: 2 }])
    server.say(3)
    expect([await stream.next(), await stream.next()]).toMatchObject([{ value: 1 }, { value: 3 }])
  })

  test('holds no more for a slow reader than it is worth, and goes on behind it when it has read', async () => {
    const server = fakeSocket()
    const stream = open(server.socket)
    const numbers = Array.from({ length: 2500 }, (_, index) => index + 1)
    // What still comes to a subscription that was ended would be there twice.
    server.say(...numbers)
    expect(server.closed).toBe(1)
    for (const number of numbers.slice(0, 1000)) expect(await stream.next()).toMatchObject({ value: number })
    expect(server.asked).toEqual([{ after: 1000 }, { after: 1000 }])
    server.say(...numbers.slice(1000))
    expect(await stream.next()).toMatchObject({ value: 1001 })
  })

  test('that the server ends before its run is begun again, and ends with the run', async () => {
    const server = fakeSocket()
    const isOver = [false, true]
    const stream = open(server.socket, { isOver: async () => isOver.shift()! })
    server.say(1)
    server.newest.complete()
    await expect.poll(() => server.asked.length).toBe(2)
    server.say(2)
    server.newest.complete()
    expect([await stream.next(), await stream.next()]).toMatchObject([{ value: 1 }, { value: 2 }])
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  })

  test('bears a server that fails while it stops, but not one that goes on failing', async () => {
    const failure = [{ message: 'Unexpected error.', extensions: { code: 'INTERNAL_SERVER_ERROR' } }]
    const server = fakeSocket()
    const stream = open(server.socket, { isOver: async () => false })
    server.newest.error(failure)
    await expect.poll(() => server.asked.length).toBe(2)
    server.say(1)
    expect(await stream.next()).toMatchObject({ value: 1 })
    for (let times = 1; times <= 6; times++) {
      server.newest.error(failure)
      if (times < 6) await expect.poll(() => server.asked.length).toBe(2 + times)
    }
    await expect(stream.next()).rejects.toBeInstanceOf(OperationError)
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  })

  test('that was too much is begun again when it was told, but not for ever', async () => {
    const server = fakeSocket()
    const stream = open(server.socket)
    const retryAfterMs = 20
    const refusal = [{ message: 'No room.', extensions: { code: 'TOO_MANY_REQUESTS', retryAfterMs } }]
    for (let times = 1; times <= 6; times++) {
      const refusedAt = performance.now()
      server.newest.error(refusal)
      if (times === 6) break
      await expect.poll(() => server.asked.length, { interval: 5 }).toBe(1 + times)
      expect(performance.now() - refusedAt).toBeGreaterThan(retryAfterMs - 2)
    }
    await expect(stream.next()).rejects.toMatchObject({ code: 'TOO_MANY_REQUESTS', message: 'No room.' })
  })

  test('throws at once what is no better when it is asked again', async () => {
    const server = fakeSocket()
    const refused = open(server.socket, { isOver: async () => false })
    server.newest.error([{ message: 'No.', extensions: { code: 'NOT_FOUND' } }])
    await expect(refused.next()).rejects.toMatchObject({ code: 'NOT_FOUND', message: 'No.' })
    const tooLarge = open(server.socket)
    server.newest.error({ code: 1009, reason: '' })
    await expect(tooLarge.next()).rejects.toBeInstanceOf(TransportError)
    const crashed = open(server.socket)
    server.newest.error({ code: 1011, reason: 'oh' })
    await expect.poll(() => server.asked.length).toBe(4)
    server.say(1)
    expect(await crashed.next()).toMatchObject({ value: 1 })
  })

  test('with errors beside its data throws them', async () => {
    const server = fakeSocket()
    const stream = open(server.socket)
    server.newest.next({ data: null, errors: [{ message: 'Half.' }] } as never)
    await expect(stream.next()).rejects.toMatchObject({ code: 'UNKNOWN', message: 'Half.' })
    expect(server.closed).toBe(1)
  })
})
