import { createClient } from 'graphql-ws'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { flatMap, newestOfEach } from '../../../../src/concurrency/iterate.ts'
import { NotFoundError } from '../../../../src/errors.ts'
import type { Measurement } from '../../../../src/ports/telemetry.ts'
import type { RunEvent } from '../../../../src/runs/model/events.ts'
import type { Context } from '../../../../src/schema/builder/context.ts'
import type { HttpServer } from '../../../../src/server/http.ts'
import { serveGraphQL } from '../../../support/graphql-server.ts'

let server: HttpServer
let runs: Partial<Context['runs']>
let measured: Measurement[]

beforeEach(async () => {
  runs = {}
  measured = []
  server = await serveGraphQL(
    { runs },
    { telemetry: { record: (measurement) => void measured.push(measurement) } },
  )
})
afterEach(() => server.close())

const RUN = Buffer.from('TrainingRun:1').toString('base64')
const EVENTS = `subscription { trainingRunEvents(id: "${RUN}") { ... on RunEvent { at } } }`
const STARTED: RunEvent = {
  runId: '1',
  seq: 1,
  at: new Date(),
  attempt: 1,
  kind: 'STATUS_CHANGED',
  status: 'RUNNING',
  failure: null,
  step: 0,
}

/** Each transport reads the whole answer. */
const TRANSPORTS = {
  async 'server-sent events'(query: string) {
    const headers = { 'content-type': 'application/json', accept: 'text/event-stream' }
    const body = JSON.stringify({ query })
    await (await fetch(`${server.url}/graphql`, { method: 'POST', headers, body })).text()
  },
  async WebSocket(query: string) {
    const url = `${server.url.replace('http', 'ws')}/graphql`
    const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0 })
    try {
      for await (const _ of client.iterate({ query }));
    } catch {
      // What it was refused for.
    }
    await client.dispose()
  },
}

/** As clients find it: its latency is whatever it is. */
const operation = (type: string | null, field: string | null, outcome = 'answered') => ({
  kind: 'operation',
  type,
  field,
  outcome,
  ms: expect.any(Number),
})

describe.each(Object.keys(TRANSPORTS) as (keyof typeof TRANSPORTS)[])('an operation over %s', (name) => {
  const send = TRANSPORTS[name]

  test('is measured by the field that it asks for, whatever the client calls it and however it is written', async () => {
    await send('query Mine { __typename }')
    await send('query ($a: Boolean = true) { mine: __typename @include(if: $a) }')
    await send('{ ... on Query { ...Fields } } fragment Fields on Query { a: __typename b: __typename }')
    await send('{ __typename __schema { description } }')
    expect(measured).toEqual([
      operation('query', '__typename'),
      operation('query', '__typename'),
      operation('query', '__typename'),
      operation('query', 'several'),
    ])
  })

  test('is refused before it is executed when it cannot be read, is not valid or goes beyond a limit', async () => {
    await send('{ __typename')
    await send('{ nothing }')
    await send('{ nothing }')
    await send(`{ ${Array.from({ length: 31 }, (_, i) => `a${i}: __typename`).join(' ')} }`)
    expect(measured).toEqual(Array.from({ length: 4 }, () => operation(null, null, 'refused')))
  })

  test('is refused for a value that is wrong, and failed by a fault of the server', async () => {
    await send('{ trainingRun(id: "\\u0000") { id } }')
    runs.find = async () => {
      throw new Error('the disk is on fire')
    }
    await send(`{ trainingRun(id: "${RUN}") { id } }`)
    expect(measured).toEqual([
      operation('query', 'trainingRun', 'refused'),
      operation('query', 'trainingRun', 'failed'),
    ])
  })

  test('is open as a subscription until its stream ends', async () => {
    runs.follow = async () =>
      (async function* () {
        yield STARTED
      })()
    await send(EVENTS)
    const field = 'trainingRunEvents'
    expect(measured).toEqual([
      operation('subscription', field),
      { kind: 'subscriptionOpened', field },
      { kind: 'subscriptionEnded', field, openMs: expect.any(Number) },
    ])
  })

  test('is open no longer as a subscription when its stream fails', async () => {
    runs.follow = async () =>
      (async function* () {
        yield STARTED
        throw new Error('the disk is on fire')
      })()
    await send(EVENTS)
    expect(measured.map(({ kind }) => kind)).toEqual(['operation', 'subscriptionOpened', 'subscriptionEnded'])
  })

  test('is no open subscription when it was refused', async () => {
    runs.follow = async () => {
      throw new NotFoundError('There is no such run.')
    }
    await send(EVENTS)
    expect(measured).toEqual([operation('subscription', 'trainingRunEvents', 'refused')])
  })
})

test('a subscription over WebSocket that its client leaves is open no longer', async () => {
  const left = new Promise<void>((resolve) => {
    runs.follow = async () =>
      flatMap(
        newestOfEach(() => resolve),
        () => [],
      )
  })
  const url = `${server.url.replace('http', 'ws')}/graphql`
  const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0 })
  const stream = client.iterate({ query: EVENTS })
  void stream.next()
  await expect.poll(() => measured.length).toBe(2)
  await client.dispose()
  await left
  await expect.poll(() => measured.at(-1)).toMatchObject({ kind: 'subscriptionEnded' })
  expect(measured).toHaveLength(3)
})
