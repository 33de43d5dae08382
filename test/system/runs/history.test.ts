import { describe, expect, test } from 'vitest'
import { createBus } from '../../../src/adapters/local/bus.ts'
import { NO_TELEMETRY } from '../../../src/adapters/local/telemetry.ts'
import { NO_TRACING } from '../../../src/adapters/local/tracing.ts'
import type { HistoryView } from '../../../src/runs/history/attempts.ts'
import { type BucketDelta, createBucketStreams } from '../../../src/runs/history/follow-buckets.ts'
import { createRunHistory } from '../../../src/runs/history/history.ts'
import { createJournal } from '../../../src/runs/journal/journal.ts'
import { meanOf } from '../../../src/runs/model/buckets.ts'
import type { RunEvent, RunPoint } from '../../../src/runs/model/events.ts'
import { ENGINE, RUN_ROW, useDatabase } from '../../support/database.ts'
import { seededRandom } from '../../support/random.ts'

const db = useDatabase()

async function createRun() {
  const events = createBus<RunEvent>()
  const journal = createJournal(db.prisma, events, createBus<string>(), NO_TELEMETRY, NO_TRACING)
  const { id } = await db.prisma.trainingRun.create({
    data: {
      status: 'RUNNING',
      ...RUN_ROW,
    },
  })
  const buckets = createBucketStreams(db.prisma, { journal, bus: events, telemetry: NO_TELEMETRY })
  let attempt = 0
  return {
    id,
    journal,
    events,
    history: createRunHistory(db.prisma),
    /** A trainer begins to train behind a step. */
    async begin(fromStep: number) {
      attempt += 1
      await journal.append(
        id,
        [{ kind: 'STATUS_CHANGED', status: 'RUNNING', failure: null, step: fromStep }],
        {
          attempt,
          attempts: { create: { attempt, fromStep, engine: { ...ENGINE }, startedAt: new Date() } },
        },
      )
    },
    append: (losses: [step: number, loss: number | null][]) =>
      journal.append(id, [{ kind: 'LOSS_POINTS', points: losses.map((it) => pointOf(...it, attempt)) }]),
    end: () => journal.transition(id, 'COMPLETED'),
    async follow(maxPoints: number) {
      const { lastSeq: seq } = await db.prisma.trainingRun.findUniqueOrThrow({ where: { id } })
      return buckets.follow(id, { seq, maxPoints })
    },
  }
}

function pointOf(step: number, loss: number | null, attempt: number): RunPoint {
  return {
    step,
    attempt,
    loss,
    nonFinite: loss === null ? 'NaN' : null,
    layer: null,
    epoch: step / 10,
    learningRate: 0.1,
    imagesPerSecond: 1,
    at: new Date(0),
  }
}

const steps = (from: number, to: number, loss: (step: number) => number | null = () => 1) =>
  Array.from({ length: to - from }, (_, i): [number, number | null] => [from + i + 1, loss(from + i + 1)])

/** What the history has to say, from all points in memory. */
class Reference {
  readonly points: RunPoint[] = []
  readonly begun: number[] = []

  seen(view: HistoryView, afterStep: number, toStep = Number.POSITIVE_INFINITY): RunPoint[] {
    const counts = ({ attempt, step }: RunPoint) =>
      view === 'RAW' || this.begun.slice(attempt).every((fromStep) => step <= fromStep)
    return this.points
      .filter((point) => point.step > afterStep && point.step <= toStep && counts(point))
      .sort((one, other) => one.step - other.step || one.attempt - other.attempt)
  }

  /** The narrowest width at which the points are few enough, and those points. */
  thinned(
    view: HistoryView,
    afterStep: number,
    maxPoints: number,
    toStep?: number,
  ): { width: number; points: RunPoint[]; means: (number | null)[] } {
    const points = this.seen(view, afterStep, toStep)
    for (let width = 1; ; width *= 2) {
      const buckets = new Map<string, RunPoint[]>()
      for (const point of points) {
        const name = `${view === 'RAW' ? point.attempt : 0} ${Math.floor((point.step - 1) / width)}`
        const bucket = buckets.get(name)
        if (bucket === undefined) buckets.set(name, [point])
        else bucket.push(point)
      }
      const places = [...buckets.values()].map((bucket) =>
        Math.min(bucket.length, bucket.some(({ loss }) => loss === null) ? 4 : 3),
      )
      const series = new Set(points.map(({ attempt }) => (view === 'RAW' ? attempt : 0)))
      if (places.reduce((sum, n) => sum + n, 0) > maxPoints && buckets.size > series.size) continue
      const kept = new Set([...buckets.values()].flatMap(keep))
      return {
        width,
        points: points.filter((point) => kept.has(point)),
        means: [...buckets.values()].map(meanLoss),
      }
    }
  }
}

function keep(bucket: RunPoint[]): RunPoint[] {
  const finite = bucket.filter(({ loss }) => loss !== null)
  const losses = finite.map(({ loss }) => loss!)
  const [least, most] = [Math.min(...losses), Math.max(...losses)]
  return [
    finite.find(({ loss }) => loss === least),
    finite.find(({ loss }) => loss === most),
    bucket.at(-1),
    bucket.find(({ loss }) => loss === null),
  ].filter((point) => point !== undefined)
}

function meanLoss(bucket: RunPoint[]): number | null {
  const losses = bucket.flatMap(({ loss }) => loss ?? [])
  return losses.length === 0 ? null : losses.reduce((sum, loss) => sum + loss, 0) / losses.length
}

/** Sums in another order differ in their last digits. */
const rounded = (means: (number | null)[]) => means.map((mean) => mean && Number(mean.toFixed(9)))

const named = (points: readonly RunPoint[]) => points.map(({ attempt, step, loss }) => [attempt, step, loss])

/** What a client that follows the changes has in the end: by the index of a bucket, its count and its points. */
function applied(changes: readonly BucketDelta[]): Map<number, unknown> {
  const chart = new Map<number, unknown>()
  for (const { reset, buckets } of changes) {
    if (reset) chart.clear()
    for (const { index, count, min, max, last, nonFinite } of buckets) {
      const points = [min, max, last, nonFinite].map((point) => point && named([point]))
      chart.set(index, [count, ...points])
    }
  }
  return chart
}

/** The buckets that it has, by step. */
function chartOf(changes: readonly BucketDelta[]): BucketDelta['buckets'] {
  const chart = new Map<number, BucketDelta['buckets'][number]>()
  for (const { reset, buckets } of changes) {
    if (reset) chart.clear()
    for (const bucket of buckets) chart.set(bucket.index, bucket)
  }
  return [...chart.values()].sort((one, other) => one.index - other.index)
}

async function collect<Item>(stream: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = []
  for await (const item of stream) all.push(item)
  return all
}

describe('a thinned history', () => {
  test('of random runs with restarts is what a naive reading of all points gives, also live', async () => {
    const random = seededRandom(11)
    const below = (n: number) => Math.floor(random() * n)
    for (let round = 0; round < 12; round++) {
      const run = await createRun()
      const reference = new Reference()
      const followers: { maxPoints: number; changes: Promise<BucketDelta[]> }[] = []
      const logEvery = [1, 1, 3, 50][below(4)]
      let done = 0
      for (let attempt = 1; attempt <= 1 + below(5); attempt++) {
        const fromStep = attempt === 1 ? 0 : below(done + 1)
        await run.begin(fromStep)
        reference.begun.push(fromStep)
        let step = fromStep
        for (let append = below(12); append > 0; append--) {
          const losses = Array.from({ length: 1 + below(256) }, (): [number, number | null] => {
            step += logEvery
            // Few different ones, so that there are equal ones.
            return [step, random() < 0.02 ? null : below(50) / 10]
          })
          const appended = run.append(losses)
          reference.points.push(...losses.map((it) => pointOf(...it, attempt)))
          if (random() < 0.2) {
            const maxPoints = 10 + below(200)
            followers.push({ maxPoints, changes: run.follow(maxPoints).then(collect) })
          }
          await appended
        }
        done = Math.max(done, step)
      }
      for (const view of ['EFFECTIVE', 'RAW'] as const) {
        const afterStep = below(done + 1)
        const all = await run.history.losses(run.id, { view, afterStep, maxPoints: null })
        expect(named(all)).toEqual(named(reference.seen(view, afterStep).slice(0, 10_000)))
        const toStep = afterStep + below(done + 1 - afterStep)
        const range = { view, afterStep, toStep }
        const [first, maxPoints] = [1 + below(50), 10 + below(100)]
        const inside = await run.history.losses(run.id, { ...range, first, maxPoints: null })
        expect(named(inside)).toEqual(named(reference.seen(view, afterStep, toStep).slice(0, first)))
        const thinned = await run.history.losses(run.id, { ...range, maxPoints })
        expect(named(thinned), `${view} ${afterStep}..${toStep}, ${maxPoints} points`).toEqual(
          named(reference.thinned(view, afterStep, maxPoints, toStep).points),
        )
      }
      for (const maxPoints of [10, 37, 300, 10_000]) {
        for (const view of ['EFFECTIVE', 'RAW'] as const) {
          for (const afterStep of [0, below(done + 1), 2 ** 31 - 2]) {
            const expected = reference.thinned(view, afterStep, maxPoints)
            const losses = await run.history.losses(run.id, { view, afterStep, maxPoints })
            expect(named(losses), `${view} after ${afterStep}, ${maxPoints} points, round ${round}`).toEqual(
              named(expected.points),
            )
            if (view === 'EFFECTIVE') {
              expect(losses.length).toBeLessThanOrEqual(maxPoints)
              expect(new Set(losses.map(({ step }) => step)).size).toBe(losses.length)
            }
          }
        }
      }
      await run.end()
      for (const { maxPoints, changes } of followers) {
        const expected = reference.thinned('EFFECTIVE', 0, maxPoints)
        const last = (await changes).at(-1)!
        expect(last.bucketSteps).toBe(expected.width)
        const [fresh] = await collect(await run.follow(maxPoints))
        expect(applied(await changes)).toEqual(applied([fresh]))
        expect(fresh.bucketSteps).toBe(expected.width)
        expect(rounded(fresh.buckets.map(meanOf))).toEqual(rounded(expected.means))
        expect(rounded(chartOf(await changes).map(meanOf))).toEqual(rounded(expected.means))
      }
      expect(run.events.listenerCount).toBe(0)
    }
  })

  test('keeps a peak of one step, and the first loss that is not finite', async () => {
    const run = await createRun()
    await run.begin(0)
    const loss = (step: number) => (step === 777 ? 99 : step === 1500 || step === 1501 ? null : 1)
    for (let from = 0; from < 2000; from += 250) await run.append(steps(from, from + 250, loss))
    const losses = await run.history.losses(run.id, { view: 'EFFECTIVE', afterStep: 0, maxPoints: 10 })
    expect(losses.length).toBeLessThanOrEqual(10)
    expect(losses).toContainEqual(expect.objectContaining({ step: 777, loss: 99 }))
    expect(losses).toContainEqual(expect.objectContaining({ step: 1500, loss: null, nonFinite: 'NaN' }))
    expect(losses.at(-1)).toMatchObject({ step: 2000 })
  })

  test('of points that nobody wrote an attempt for takes the newest to have begun anew', async () => {
    const run = await createRun()
    const points = (attempt: number, to: number) => [
      { kind: 'LOSS_POINTS' as const, points: steps(0, to).map((it) => pointOf(...it, attempt)) },
    ]
    await run.journal.append(run.id, points(1, 30))
    const read = (view: HistoryView) => run.history.losses(run.id, { view, afterStep: 0, maxPoints: 100 })
    expect(await read('EFFECTIVE')).toHaveLength(30)
    await run.journal.append(run.id, points(2, 20))
    expect(new Set((await read('EFFECTIVE')).map(({ attempt }) => attempt))).toEqual(new Set([2]))
    expect(await read('RAW')).toHaveLength(50)
  })
})

describe('epochs', () => {
  test('that a later attempt trained again count as it trained them, and raw they are all there', async () => {
    const run = await createRun()
    const epochs = async (attempt: number, steps: Record<number, number>) => {
      for (const [epoch, step] of Object.entries(steps)) {
        const place = { runId: run.id, attempt, epoch: Number(epoch), step }
        await db.prisma.epochSummary.create({ data: { ...place, seconds: 1 } })
      }
    }
    await run.begin(0)
    await epochs(1, { 1: 10, 2: 20, 3: 30 })
    // From the midst of the third.
    await run.begin(25)
    await epochs(2, { 3: 30, 4: 40 })
    // From the end of the fourth, before it was tested.
    await run.begin(40)
    await epochs(3, { 4: 40, 5: 50 })
    const read = async (view: HistoryView) =>
      (await run.history.epochs(run.id, view)).map(({ epoch, attempt }) => [epoch, attempt])
    expect(await read('EFFECTIVE')).toEqual([
      [1, 1],
      [2, 1],
      [3, 2],
      [4, 3],
      [5, 3],
    ])
    expect(await read('RAW')).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
      [3, 2],
      [4, 2],
      [4, 3],
      [5, 3],
    ])
    await run.begin(15)
    expect(await read('EFFECTIVE')).toEqual([[1, 1]])
  })
})

describe('a reader of single points who comes back', () => {
  test('gets what was trained since, also steps before its last one that were trained again', async () => {
    const run = await createRun()
    await run.begin(0)
    await run.append(steps(0, 10))
    await run.begin(6)
    await run.append(steps(6, 12))
    const points = (await run.journal.read(run.id, 0, 100)).flatMap((event) =>
      event.kind === 'LOSS_POINTS' ? event.points.map((point) => ({ ...point, seq: event.seq })) : [],
    )
    const since = async (step: number, attempt?: number) => {
      const place = await run.history.placeBehind(run.id, step, attempt)
      const later = points.filter((point) => place.seq !== null && point.seq >= place.seq)
      return later.filter(place.isNew).map((point) => `${point.attempt}/${point.step}`)
    }
    const second = ['2/7', '2/8', '2/9', '2/10', '2/11', '2/12']
    expect(await since(0)).toEqual(points.map((point) => `${point.attempt}/${point.step}`))
    expect(await since(10, 1)).toEqual(second)
    expect(await since(8, 2)).toEqual(second.slice(2))
    expect(await since(12, 2)).toEqual([])
    // Of which attempt the eighth step was is not said: what may be new is sent.
    expect(await since(8)).toEqual(['1/9', '1/10', ...second])
    expect(await since(11)).toEqual(second.slice(5))
    expect(await since(99)).toEqual([])
  })
})

describe('following a thinned history', () => {
  test('gives what changed, and everything anew when the buckets grow or a restart cuts it', async () => {
    const run = await createRun()
    await run.begin(0)
    const stream = await run.follow(10)
    const next = async () => {
      const { reset, bucketSteps, buckets }: BucketDelta = (await stream.next()).value
      return { reset, bucketSteps, ends: buckets.map(({ last, count }) => [last.step, count]) }
    }
    expect(await next()).toEqual({ reset: true, bucketSteps: 1, ends: [] })
    await run.append(steps(0, 9))
    expect(await next()).toMatchObject({ reset: false, bucketSteps: 1 })
    await run.append(steps(9, 11))
    // Buckets of 2 hold 2, 2, 2, 2, 2 and 1 points; those of 4 come to 3, 3 and 3.
    expect(await next()).toEqual({
      reset: true,
      bucketSteps: 4,
      ends: [
        [4, 4],
        [8, 4],
        [11, 3],
      ],
    })
    await run.append(steps(11, 12))
    expect(await next()).toEqual({ reset: false, bucketSteps: 4, ends: [[12, 4]] })
    await run.begin(6)
    expect(await next()).toEqual({ reset: true, bucketSteps: 1, ends: counted(6).map((step) => [step, 1]) })
    await run.append(steps(6, 7))
    expect(await next()).toEqual({ reset: false, bucketSteps: 1, ends: [[7, 1]] })
    await stream.return?.()
    expect(run.events.listenerCount).toBe(0)
  })

  test('is done once for all who follow it, and who is too slow for its changes gets all of it anew', async () => {
    const run = await createRun()
    await run.begin(0)
    await run.append(steps(0, 1))
    const [quick, slow] = [await run.follow(1000), await run.follow(1000)]
    expect(run.events.listenerCount).toBe(1)
    const first = (await quick.next()).value
    expect((await slow.next()).value).toBe(first)
    const { lastSeq } = await db.prisma.trainingRun.findUniqueOrThrow({ where: { id: run.id } })
    const changes: BucketDelta[] = [first]
    for (let step = 2; step <= 400; step++) {
      const place = { runId: run.id, seq: lastSeq + step - 1, at: new Date(), attempt: 1 }
      run.events.publish(run.id, { ...place, kind: 'LOSS_POINTS', points: [pointOf(step, 1, 1)] })
      changes.push((await quick.next()).value)
    }
    expect(changes.slice(1).every(({ reset }) => !reset)).toBe(true)
    const anew = (await slow.next()).value
    expect(anew.reset).toBe(true)
    expect(applied([anew])).toEqual(applied(changes))
    const late = await run.follow(1000)
    expect((await late.next()).value).toBe(anew)
    await quick.return?.()
    await slow.return?.()
    expect(run.events.listenerCount).toBe(1)
    await late.return?.()
    expect(run.events.listenerCount).toBe(0)
  })

  test('that is left while it waits ends at once and leaves no listener', async () => {
    const run = await createRun()
    await run.begin(0)
    const stream = await run.follow(10)
    await stream.next()
    const waiting = stream.next()
    await stream.return?.()
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(run.events.listenerCount).toBe(0)
  })
})

const counted = (n: number) => Array.from({ length: n }, (_, i) => i + 1)
