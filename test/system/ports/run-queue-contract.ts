import { beforeEach, describe, expect, test } from 'vitest'
import { createBus } from '../../../src/adapters/local/bus.ts'
import { NO_TELEMETRY } from '../../../src/adapters/local/telemetry.ts'
import { NO_TRACING } from '../../../src/adapters/local/tracing.ts'
import type { PrismaClient, TrainingRun } from '../../../src/db/generated/client.ts'
import type { OpenRunQueue, RunQueue, WaitingRuns } from '../../../src/ports/run-queue.ts'
import { createJournal, type Journal } from '../../../src/runs/journal/journal.ts'
import { waitingRuns } from '../../../src/runs/lifecycle/queue.ts'
import { RUN_ROW } from '../../support/database.ts'

/**
 * What every implementation of the port RunQueue must do, with the runs of a database.
 * @param database  without runs of its own
 */
export function describeRunQueue(
  openRunQueue: OpenRunQueue,
  database: { readonly prisma: PrismaClient },
): void {
  describe('a queue of runs', () => {
    let journal: Journal
    let waiting: WaitingRuns<TrainingRun>
    let queue: RunQueue<TrainingRun>

    beforeEach(async () => {
      const { prisma } = database
      await prisma.trainingRun.deleteMany()
      journal = createJournal(prisma, createBus(), createBus(), NO_TELEMETRY, NO_TRACING)
      waiting = waitingRuns(prisma, journal)
      queue = openRunQueue(waiting)
    })

    const put = async (more: { priority?: number; place?: number } = {}) =>
      (await database.prisma.trainingRun.create({ data: { ...RUN_ROW, ...more } })).id
    const withdraw = (id: string) => journal.transition(id, 'PAUSED', { from: ['QUEUED'] })
    const putBack = (id: string) => journal.transition(id, 'QUEUED')
    const take = async (from = queue) => (await from.take())?.id ?? null

    async function takeAll(from = queue): Promise<string[]> {
      const ids: string[] = []
      for (let id = await take(from); id !== null; id = await take(from)) ids.push(id)
      return ids
    }

    test('hands runs out by priority, then by place, then by number', async () => {
      const first = await put()
      const moved = await put({ place: -1 })
      const urgent = await put({ priority: 1 })
      const last = await put({ priority: -1, place: -5 })
      const second = await put()
      expect(await takeAll()).toEqual([urgent, moved, first, second, last])
    })

    test('hands out what was put in since, and moved since, in the order that there is then', async () => {
      expect(await take()).toBeNull()
      const [first, second] = [await put(), await put()]
      expect(await take()).toBe(first)
      const urgent = await put({ priority: 1 })
      await database.prisma.trainingRun.update({ where: { id: second }, data: { priority: 2 } })
      expect(await takeAll()).toEqual([second, urgent])
    })

    test('hands a run out as PREPARING, in a new attempt, and its journal has that', async () => {
      const id = await put()
      expect(await queue.take()).toMatchObject({ id, status: 'PREPARING', attempt: 1 })
      expect(await journal.read(id, 0, 10)).toMatchObject([
        { kind: 'STATUS_CHANGED', status: 'PREPARING', attempt: 1 },
      ])
    })

    test('hands each run to one of several takers, however many ask at once', async () => {
      const ids: string[] = []
      for (let i = 0; i < 12; i++) ids.push(await put())
      const takers = [queue, queue, openRunQueue(waiting), openRunQueue(waiting)]
      const taken = (await Promise.all(takers.map(takeAll))).flat()
      expect(taken.toSorted()).toEqual(ids.toSorted())
      for (const id of ids) expect(await journal.position(id)).toEqual({ status: 'PREPARING', seq: 1 })
    })

    test('hands a run to one of two takers that have both found it first', async () => {
      const [id, next] = [await put(), await put()]
      let found = 0
      let bothFound = () => {}
      const both = new Promise<void>((resolve) => {
        bothFound = resolve
      })
      const late: WaitingRuns<TrainingRun> = {
        ...waiting,
        async first(except) {
          const first = await waiting.first(except)
          if (++found === 2) bothFound()
          await both
          return first
        },
      }
      const taken = await Promise.all([openRunQueue(late), openRunQueue(late)].map((taker) => take(taker)))
      expect(taken.toSorted()).toEqual([id, next].toSorted())
    })

    test('hands out no run that a person takes back, also at the last moment', async () => {
      const [early, late, stays] = [await put(), await put(), await put()]
      await withdraw(early)
      const taker = openRunQueue<TrainingRun>({
        ...waiting,
        async first(except) {
          const id = await waiting.first(except)
          if (id === late) expect(await withdraw(late)).toBe(true)
          return id
        },
      })
      expect(await take(taker)).toBe(stays)
      expect(await withdraw(stays)).toBe(false)
      await putBack(early)
      expect(await take(taker)).toBe(early)
    })

    test('hands a run that waits again out only when who took it has released it', async () => {
      const id = await put()
      await queue.take()
      await putBack(id)
      const other = await put()
      expect(await takeAll()).toEqual([other])
      queue.release(id)
      expect(await queue.take()).toMatchObject({ id, attempt: 2 })
    })

    test('calls whoever watches when it is woken, and when a run is released', async () => {
      let looks = 0
      let looked = () => {}
      const look = () => {
        looks += 1
        looked()
      }
      const called = (times: number) =>
        new Promise<void>((resolve) => {
          looked = () => looks === times && resolve()
          looked()
        })
      const unwatch = [queue.watch(look), queue.watch(look)]
      queue.wake()
      await called(2)
      unwatch[0]!()
      unwatch[0]!()
      queue.wake()
      await called(3)
      const id = await put()
      await queue.take()
      queue.release(id)
      await called(4)
      unwatch[1]!()
      queue.wake()
      await queue.take()
      expect(looks).toBe(4)
    })

    test('hands out next what was claimed without an answer, once', async () => {
      const [id, next] = [await put(), await put({ priority: -1 })]
      let isAway = true
      const taker = openRunQueue<TrainingRun>({
        ...waiting,
        async claim(it) {
          const run = await waiting.claim(it)
          if (isAway) throw new Error('the database is away')
          return run
        },
      })
      await expect(taker.take()).rejects.toThrow('the database is away')
      isAway = false
      // It comes ahead of everything else: nobody would ever hand it out again.
      const urgent = await put({ priority: 1 })
      expect(await takeAll(taker)).toEqual([id, urgent, next])
    })

    test('has lost nothing when it could not look, or claim', async () => {
      const id = await put()
      const failures = ['first', 'claim']
      const failing =
        <Arguments extends unknown[], Result>(name: string, work: (...them: Arguments) => Promise<Result>) =>
        async (...them: Arguments) => {
          if (failures[0] !== name) return work(...them)
          failures.shift()
          throw new Error('the database is away')
        }
      const taker = openRunQueue<TrainingRun>({
        ...waiting,
        first: failing('first', waiting.first),
        claim: failing('claim', waiting.claim),
      })
      for (let i = 0; i < 2; i++) await expect(taker.take()).rejects.toThrow('the database is away')
      expect(await takeAll(taker)).toEqual([id])
      expect(await journal.position(id)).toEqual({ status: 'PREPARING', seq: 1 })
    })
  })
}
