import { describe, expect, test } from 'vitest'
import { createBus } from '../../../src/adapters/local/bus.ts'
import { NO_TELEMETRY } from '../../../src/adapters/local/telemetry.ts'
import { NO_TRACING } from '../../../src/adapters/local/tracing.ts'
import type { Measurement } from '../../../src/ports/telemetry.ts'
import { followRun } from '../../../src/runs/journal/follow.ts'
import { createJournal } from '../../../src/runs/journal/journal.ts'
import type { Lagged, RunEvent, RunEventBody } from '../../../src/runs/model/events.ts'
import { RUN_ROW, useDatabase } from '../../support/database.ts'
import { seededRandom } from '../../support/random.ts'

const db = useDatabase()

const points = (...steps: number[]): RunEventBody => ({
  kind: 'LOSS_POINTS',
  points: steps.map((step) => ({
    step,
    epoch: step / 10,
    loss: 2.3,
    nonFinite: null,
    layer: null,
    learningRate: 0.1,
    imagesPerSecond: 1,
    at: new Date(),
    attempt: 1,
  })),
})

async function createRun() {
  const events = createBus<RunEvent>()
  const journal = createJournal(db.prisma, events, createBus<string>(), NO_TELEMETRY, NO_TRACING)
  const { id } = await db.prisma.trainingRun.create({
    data: RUN_ROW,
  })
  await journal.transition(id, 'PREPARING', { patch: { attempt: 1 } })
  await journal.transition(id, 'RUNNING')
  const append = (step: number) => journal.append(id, [points(step)])
  const end = () => journal.transition(id, 'COMPLETED')
  const measured: Measurement[] = []
  const telemetry = { record: (measurement: Measurement) => void measured.push(measurement) }
  const follow = (after = 0, capacity?: number) =>
    followRun({ journal, bus: events, telemetry }, id, after, capacity)
  return { id, journal, events, append, end, follow, measured }
}

async function collect(stream: AsyncIterable<RunEvent | Lagged>): Promise<(RunEvent | Lagged)[]> {
  const all: (RunEvent | Lagged)[] = []
  for await (const event of stream) all.push(event)
  return all
}

const sequence = (events: (RunEvent | Lagged)[]) =>
  events.filter((event) => event.kind !== 'LAGGED').map((event) => event.seq)
const counted = (n: number) => Array.from({ length: n }, (_, i) => i + 1)

describe('following a run', () => {
  test('gives what already happened, then what happens, and ends with the run', async () => {
    const run = await createRun()
    await run.append(1)
    const all = collect(run.follow())
    await run.append(2)
    await run.end()
    const events = await all
    expect(sequence(events)).toEqual(counted(5))
    expect(events.at(-1)).toMatchObject({ kind: 'STATUS_CHANGED', status: 'COMPLETED' })
    expect(events[2]).toMatchObject({ kind: 'LOSS_POINTS', points: [{ step: 1, loss: 2.3 }] })
  })

  test('that has ended gives its journal and ends at once, also behind its last event', async () => {
    const run = await createRun()
    await run.end()
    expect(sequence(await collect(run.follow()))).toEqual([1, 2, 3])
    expect(await collect(run.follow(3))).toEqual([])
  })

  test('from any cursor, begun at any moment, gives each later event exactly once and in order', async () => {
    const run = await createRun()
    const random = seededRandom(1)
    const followers: { after: number; events: Promise<(RunEvent | Lagged)[]> }[] = []
    for (let step = 1; step <= 60; step++) {
      const appended = run.append(step)
      const after = Math.floor(random() * step)
      // Half of them begin while the append is under way, half after it.
      if (random() < 0.5) await appended
      followers.push({ after, events: collect(run.follow(after)) })
      await appended
    }
    await run.end()
    for (const { after, events } of followers) {
      expect(sequence(await events)).toEqual(counted(63).slice(after))
    }
    expect(run.events.listenerCount).toBe(0)
  })

  test('survives events that are published out of order', async () => {
    const run = await createRun()
    const stream = run.follow(2)
    const all = collect(stream)
    const [third] = await run.append(1)
    const [fourth] = await run.append(2)
    run.events.publish(run.id, fourth)
    run.events.publish(run.id, third)
    await run.end()
    expect(sequence(await all)).toEqual([3, 4, 5])
  })
})

describe('a reader that is slower than the run', () => {
  test('hears of it once, loses nothing, and its buffer never holds more than its capacity', async () => {
    const run = await createRun()
    const stream = run.follow(0, 4)
    expect((await stream.next()).value).toMatchObject({ seq: 1 })
    expect((await stream.next()).value).toMatchObject({ seq: 2 })
    // Reads the journal dry and goes live with the first of these.
    const third = stream.next()
    for (let step = 1; step <= 20; step++) await run.append(step)
    expect((await third).value).toMatchObject({ seq: 3 })
    await run.end()
    const rest = await collect(stream)
    const lagged = rest.filter((event) => event.kind === 'LAGGED')
    expect(lagged).toHaveLength(1)
    expect(sequence(rest)).toEqual(counted(23).slice(3))
    const at = rest.indexOf(lagged[0])
    const from = (rest[at - 1]?.seq ?? 3) + 1
    expect(lagged[0]).toMatchObject({ from, to: 23 })
    expect(run.measured).toEqual([{ kind: 'subscriptionLagged', missedEvents: 24 - from }])
  })

  test('keeps no more than about a thousand points of the journal, however many an event has', async () => {
    const run = await createRun()
    for (let i = 0; i < 24; i++) {
      await run.journal.append(run.id, [points(...Array.from({ length: 256 }, (_, j) => 256 * i + j + 1))])
    }
    await run.end()
    const pages: number[] = []
    const journal: typeof run.journal = {
      ...run.journal,
      async read(...args) {
        const page = await run.journal.read(...args)
        pages.push(
          page.reduce((sum, event) => sum + (event.kind === 'LOSS_POINTS' ? event.points.length : 0), 0),
        )
        return page
      },
    }
    expect(
      await collect(followRun({ journal, bus: run.events, telemetry: NO_TELEMETRY }, run.id, 0)),
    ).toHaveLength(27)
    expect(pages.reduce((sum, count) => sum + count)).toBe(24 * 256)
    // The first page knows nothing yet.
    expect(Math.max(...pages)).toBeLessThanOrEqual(8 * 256)
    expect(Math.max(...pages.slice(1))).toBeLessThanOrEqual(1.5 * 1024)
  })

  test('does not slow the others down', async () => {
    const run = await createRun()
    const stalled = run.follow(0, 2)
    await stalled.next()
    const quick = collect(run.follow())
    for (let step = 1; step <= 10; step++) await run.append(step)
    await run.end()
    expect(sequence(await quick)).toEqual(counted(13))
    await stalled.return?.()
    expect(run.events.listenerCount).toBe(0)
  })
})

describe('leaving a stream', () => {
  test('ends a wait for the next event at once and leaves no listener', async () => {
    const run = await createRun()
    const stream = run.follow(2)
    const waiting = stream.next()
    // The listener is there from the start, before anything was read.
    expect(run.events.listenerCount).toBe(1)
    await stream.return?.()
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(run.events.listenerCount).toBe(0)
  })

  test('before the first event was read leaves no listener', async () => {
    const run = await createRun()
    await run.follow().return?.()
    expect(run.events.listenerCount).toBe(0)
  })

  test('when the journal cannot be read passes the error on and leaves no listener', async () => {
    const run = await createRun()
    const broken = { ...run.journal, read: () => Promise.reject(new Error('disk')) }
    await expect(
      followRun({ journal: broken, bus: run.events, telemetry: NO_TELEMETRY }, run.id, 0).next(),
    ).rejects.toThrow('disk')
    expect(run.events.listenerCount).toBe(0)
  })
})

describe('the journal', () => {
  test('refuses a transition that its run cannot make, and only one of two at once wins', async () => {
    const run = await createRun()
    const outcomes = await Promise.all([
      run.journal.transition(run.id, 'FAILED'),
      run.journal.transition(run.id, 'COMPLETED'),
    ])
    expect(outcomes.filter(Boolean)).toHaveLength(1)
    expect(await run.journal.transition(run.id, 'RUNNING')).toBe(false)
    expect(await run.journal.transition('nothing', 'RUNNING')).toBe(false)
  })

  test('refuses a transition whose run has left the status that it was meant for', async () => {
    const run = await createRun()
    expect(await run.journal.transition(run.id, 'CANCELLED', { from: ['QUEUED', 'PREPARING'] })).toBe(false)
    expect(await run.journal.transition(run.id, 'CANCELLED', { from: ['RUNNING'] })).toBe(true)
  })

  test('numbers events of concurrent writers without a gap', async () => {
    const run = await createRun()
    await Promise.all(counted(20).map((step) => run.append(step)))
    const events = await run.journal.read(run.id, 0, 100)
    expect(events.map((event) => event.seq)).toEqual(counted(22))
  })
})
