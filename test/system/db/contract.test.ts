import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openRunQueue } from '../../../src/adapters/local/run-queue.ts'
import { type Database, type DatabaseOptions, openDatabase } from '../../../src/db/client.ts'
import { Prisma } from '../../../src/db/generated/client.ts'
import { insertLossPoints } from '../../../src/db/loss-points.ts'
import { readMigrations } from '../../../src/db/migrations.ts'
import { StoppingError } from '../../../src/errors.ts'
import { type Postgres, postgresAvailable, startPostgres } from '../../support/postgres.ts'
import { describeRunQueue } from '../ports/run-queue-contract.ts'
import { embeddedFolder } from './support.ts'

let postgres: Postgres
let databases = 0
beforeAll(async () => {
  if (postgresAvailable()) postgres = await startPostgres()
})
afterAll(() => postgres?.stop())

const kinds = [
  { kind: 'pglite', available: true, place: async () => ({ folder: await embeddedFolder() }) },
  {
    kind: 'postgres',
    available: postgresAvailable(),
    place: async () => ({ folder: 'unused', url: postgres.createDatabase(`contract_${++databases}`) }),
  },
] satisfies { kind: Database['kind']; available: boolean; place: () => Promise<DatabaseOptions> }[]

const RUN = {
  name: 'first',
  architecture: 'vgg_mini',
  dataset: 'cifar10',
  hyperparameters: { epochs: 3, schedule: { kind: 'step', gamma: 0.9 }, note: 'ψ "quoted" ; \\ 日本' },
  seed: 777,
  epochs: 3,
}
const AT = new Date('2026-07-01T10:20:30.123Z')

function point(runId: string, step: number) {
  const numbers = { epoch: step / 100, loss: 2.25, learningRate: 0.005, imagesPerSecond: 96.5 }
  return { runId, attempt: 1, step, seq: 1, nonFinite: null, layer: null, at: AT, ...numbers }
}

for (const { kind, available, place } of kinds) {
  describe.skipIf(!available)(`a database on ${kind}`, () => {
    let database: Database
    let options: DatabaseOptions

    /** Opens one that the test ends; closing twice is allowed. */
    async function open(where: DatabaseOptions): Promise<Database> {
      const opened = await openDatabase(where)
      onTestFinished(() => opened.close())
      return opened
    }

    test('applies each migration once, records it, and keeps the data when it is opened again', async () => {
      options = await place()
      database = await open(options)
      const names = readMigrations().list.map(({ name }) => name)
      expect(database.kind).toBe(kind)
      expect(database.applied).toEqual(names)
      const recorded = await database.prisma.$queryRaw<{ name: string; done: boolean }[]>`
        SELECT migration_name AS name, finished_at IS NOT NULL AS done FROM _prisma_migrations ORDER BY started_at`
      expect(recorded).toEqual(names.map((name) => ({ name, done: true })))
      const run = await database.prisma.trainingRun.create({ data: RUN })
      await database.close()

      const again = await open(options)
      expect(again.applied).toEqual([])
      expect(await again.prisma.trainingRun.findUniqueOrThrow({ where: { id: run.id } })).toEqual(run)
    })

    describe('once open', () => {
      beforeAll(async () => {
        database = await openDatabase(await place())
      })
      afterAll(() => database.close())

      test('gives back JSON, big integers, bytes, instants and nulls as they were', async () => {
        const { prisma } = database
        const run = await prisma.trainingRun.create({
          data: { ...RUN, evaluation: [1, null, { a: [] }], failure: Prisma.JsonNull, startedAt: AT },
        })
        const version = {
          version: 1,
          architecture: 'vgg_mini',
          dataset: 'cifar10',
          runId: run.id,
          bytes: 9007199254740993n,
          digest: 'aa',
          preprocessing: { size: [32, 32] },
        }
        const model = await prisma.model.create({
          data: { name: 'mini', versions: { create: version } },
          include: { versions: true },
        })
        const input = Uint8Array.from({ length: 256 }, (_, i) => i)
        const shown = { label: 'cat', confidence: 0.1, probabilities: [], latencyMs: 1 / 3 }
        await prisma.prediction.create({ data: { ...shown, input, modelVersionId: model.versions[0]!.id } })

        const read = await prisma.trainingRun.findUniqueOrThrow({
          where: { id: run.id },
          include: { modelVersions: { include: { predictions: true } } },
        })
        expect(read).toMatchObject({ hyperparameters: RUN.hyperparameters, evaluation: [1, null, { a: [] }] })
        expect(read).toMatchObject({ failure: null, engine: null, startedAt: AT, finishedAt: null })
        const [made] = read.modelVersions
        expect(made?.bytes).toBe(9007199254740993n)
        expect(made?.predictions[0]).toMatchObject({ confidence: 0.1, latencyMs: 1 / 3 })
        expect([...made!.predictions[0]!.input]).toEqual([...input])
      })

      test('numbers the runs in the order in which they came, leaves out none that failed, and gives no number twice', async () => {
        const { prisma } = database
        const first = await prisma.trainingRun.create({ data: { ...RUN, idempotencyKey: 'once' } })
        const again = { ...RUN, idempotencyKey: 'once' }
        const twenty = await Promise.allSettled(
          Array.from({ length: 20 }, (_, i) => prisma.trainingRun.create({ data: i % 2 ? RUN : again })),
        )
        const numbers = twenty.flatMap((it) => (it.status === 'fulfilled' ? [it.value.number] : []))
        expect(numbers.sort((a, b) => a - b)).toEqual(
          Array.from({ length: 10 }, (_, i) => first.number + 1 + i),
        )
        const rolledBack = prisma.$transaction(async (tx) => {
          await tx.trainingRun.create({ data: RUN })
          throw new Error('on second thoughts')
        })
        await expect(rolledBack).rejects.toThrow('on second thoughts')
        await prisma.trainingRun.delete({ where: { number: first.number + 10 } })
        expect((await prisma.trainingRun.create({ data: RUN })).number).toBe(first.number + 11)
      })

      test('numbers rows in the order of their commits: the next one waits for one that is on its way', async () => {
        const { prisma } = database
        const committed: number[] = []
        let later: Promise<unknown> | undefined
        await prisma.$transaction(async (tx) => {
          const { number } = await tx.trainingRun.create({ data: RUN })
          later = prisma.trainingRun.create({ data: RUN }).then((run) => committed.push(run.number))
          await tx.runAttempt.count()
          committed.push(number)
        })
        await later
        expect(committed[1]).toBe(committed[0]! + 1)
      })

      test('refuses a second row of a key, and a point of no run', async () => {
        const { prisma } = database
        await prisma.trainingRun.create({ data: { ...RUN, idempotencyKey: 'one' } })
        const twice = prisma.trainingRun.create({ data: { ...RUN, idempotencyKey: 'one' } })
        await expect(twice).rejects.toMatchObject({ code: 'P2002' })

        const { id } = await prisma.trainingRun.create({ data: RUN })
        await prisma.lossPoint.create({ data: point(id, 1) })
        await expect(prisma.lossPoint.create({ data: point(id, 1) })).rejects.toMatchObject({ code: 'P2002' })
        const orphan = point('00000000-0000-7000-8000-000000000000', 1)
        await expect(prisma.lossPoint.create({ data: orphan })).rejects.toMatchObject({ code: 'P2003' })
      })

      test('deletes events, points and epochs with their run, and leaves its model', async () => {
        const { prisma } = database
        const { id } = await prisma.trainingRun.create({ data: RUN })
        const of = { where: { runId: id } }
        await prisma.runEvent.create({
          data: { runId: id, seq: 1, kind: 'LOSS_POINTS', at: AT, attempt: 1 },
        })
        await prisma.lossPoint.createMany({ data: [point(id, 1), point(id, 2)] })
        await prisma.epochSummary.create({ data: { runId: id, attempt: 1, epoch: 1, step: 10, seconds: 2 } })
        const version = {
          version: 1,
          architecture: 'a',
          dataset: 'd',
          bytes: 1n,
          digest: 'x',
          preprocessing: {},
        }
        const model = await prisma.model.create({
          data: { name: 'kept', versions: { create: { ...version, runId: id } } },
        })

        await prisma.trainingRun.delete({ where: { id } })
        expect(await prisma.runEvent.count(of)).toBe(0)
        expect(await prisma.lossPoint.count(of)).toBe(0)
        expect(await prisma.epochSummary.count(of)).toBe(0)
        const left = await prisma.modelVersion.findMany({ where: { modelId: model.id } })
        expect(left).toMatchObject([{ runId: null }])
      })

      test('writes many loss points by one statement as createMany would', async () => {
        const { prisma } = database
        const { id } = await prisma.trainingRun.create({ data: RUN })
        const points = Array.from({ length: 50 }, (_, i) => ({ ...point(id, i), loss: 1 / (i + 3) }))
        points.push({ ...point(id, 50), loss: null as never, nonFinite: 'NaN' as never })
        const [event, written] = await prisma.$transaction([
          prisma.runEvent.create({ data: { runId: id, seq: 1, kind: 'LOSS_POINTS', at: AT, attempt: 1 } }),
          insertLossPoints(prisma, points),
        ])
        expect([event.seq, written]).toEqual([1, 51])
        const read = await prisma.lossPoint.findMany({ where: { runId: id }, orderBy: { step: 'asc' } })
        expect(read).toEqual(points)
      })

      test('keeps nothing of a transaction that failed, and the transaction after it works', async () => {
        const { prisma } = database
        const { id } = await prisma.trainingRun.create({ data: RUN })
        const event = { runId: id, kind: 'STATUS_CHANGED', at: AT, attempt: 1 } as const
        const failing = prisma.$transaction([
          prisma.runEvent.create({ data: { ...event, seq: 1 } }),
          prisma.runEvent.create({ data: { ...event, seq: 1 } }),
        ])
        await expect(failing).rejects.toMatchObject({ code: 'P2002' })
        const thrown = prisma.$transaction(async (tx) => {
          await tx.runEvent.create({ data: { ...event, seq: 2 } })
          throw new Error('changed my mind')
        })
        await expect(thrown).rejects.toThrow('changed my mind')
        await prisma.$transaction([prisma.runEvent.create({ data: { ...event, seq: 3 } })])
        expect(await prisma.runEvent.findMany({ where: { runId: id } })).toMatchObject([{ seq: 3 }])
      })

      test('says so when a COMMIT fails', async () => {
        const { prisma } = database
        await prisma.$executeRaw`CREATE TABLE late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)`
        const insert = () => prisma.$executeRaw`INSERT INTO late VALUES (1)`
        await expect(prisma.$transaction([insert(), insert()])).rejects.toThrow()
        expect(await prisma.$queryRaw`SELECT id FROM late`).toEqual([])
      })

      test('runs fifty transactions that were started at once', async () => {
        const { prisma } = database
        const { id } = await prisma.trainingRun.create({ data: RUN })
        const add = (seq: number) =>
          prisma.$transaction(async (tx) => {
            await tx.runEvent.create({
              data: { runId: id, seq, kind: 'LOSS_POINTS', at: AT, attempt: 1 },
            })
            await tx.trainingRun.update({ where: { id }, data: { lastSeq: { increment: 1 } } })
          })
        await Promise.all(Array.from({ length: 50 }, (_, seq) => add(seq)))
        expect(await prisma.trainingRun.findUnique({ where: { id } })).toMatchObject({ lastSeq: 50 })
      })

      // Only there transactions run side by side, and two takers could win.
      if (kind === 'postgres') {
        describeRunQueue(openRunQueue, {
          get prisma() {
            return database.prisma
          },
        })
      }
    })

    test('stores the instant itself, whatever time zone the server is set to', async () => {
      const where = await place()
      const before = await open(where)
      await before.prisma.$executeRaw`
        DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''America/New_York''', current_database()); END $$`
      await before.close()
      const { prisma } = await open(where)
      const { id } = await prisma.trainingRun.create({ data: { ...RUN, startedAt: AT } })
      const [stored] = await prisma.$queryRaw<{ ms: number }[]>`
        SELECT (extract(epoch FROM "startedAt") * 1000)::float8 AS ms FROM "TrainingRun" WHERE id = ${id}`
      expect(stored?.ms).toBe(AT.getTime())
    })

    // The embedded one has no other claim than its folder's, which lasts as long as the process.
    if (kind === 'postgres') {
      test('asks nothing more of a database that another server may have; what is open ends', async () => {
        const lost = new AbortController()
        const { prisma } = await open({ ...(await place()), lost: lost.signal })
        const { id } = await prisma.trainingRun.create({ data: RUN })
        let writes = 0
        const failing = prisma.$transaction(async (tx) => {
          await tx.trainingRun.update({ where: { id }, data: { epoch: 1 } })
          lost.abort()
          writes += 1
          await tx.$executeRaw`SELECT 1 / 0`
        })
        await expect(failing).rejects.toThrow(StoppingError)
        await expect(prisma.trainingRun.count()).rejects.toThrow(StoppingError)
        await expect(prisma.$executeRaw`UPDATE "TrainingRun" SET epoch = 2`).rejects.toThrow(StoppingError)
        const late = prisma.$transaction(async () => {
          writes += 1
        })
        await expect(late).rejects.toThrow(StoppingError)
        expect(writes).toBe(1)
      })
    }

    test('closes as often as it is told to, and keeps the exit code of the process', async () => {
      process.exitCode = undefined
      const opened = await openDatabase(await place())
      expect(process.exitCode).toBeUndefined()
      process.exitCode = 3
      onTestFinished(() => {
        process.exitCode = undefined
      })
      await Promise.all([opened.close(), opened.close()])
      await opened.close()
      expect(process.exitCode).toBe(3)
      await expect(opened.prisma.trainingRun.count()).rejects.toThrow(StoppingError)
    })
  })
}
