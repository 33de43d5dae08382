import { pino } from 'pino'
import { beforeEach, describe, expect, test } from 'vitest'
import { openArtifactStore } from '../../../src/adapters/local/artifact-store.ts'
import { createBus } from '../../../src/adapters/local/bus.ts'
import { openRunQueue } from '../../../src/adapters/local/run-queue.ts'
import { NO_TELEMETRY } from '../../../src/adapters/local/telemetry.ts'
import { NO_TRACING } from '../../../src/adapters/local/tracing.ts'
import { CIFAR10 } from '../../../src/data/sources/cifar10/facts.ts'
import type { PrismaClient } from '../../../src/db/generated/client.ts'
import { ConflictError, ValidationError } from '../../../src/errors.ts'
import { createChangedModels } from '../../../src/models/changed-models.ts'
import { pruneCheckpoints } from '../../../src/models/prune-checkpoints.ts'
import { createModelService } from '../../../src/models/service.ts'
import { createWeightsKeeper } from '../../../src/models/weights-keeper.ts'
import { COVER } from '../../../src/pictures/resize.ts'
import { createRunService, type RunService } from '../../../src/runs/service.ts'
import { NEVER_LOW } from '../../../src/storage/low-water.ts'
import { findArchitecture } from '../../../src/zoo/catalog.ts'
import { fitArchitecture } from '../../../src/zoo/fit.ts'
import { RUN_ROW, useDatabase } from '../../support/database.ts'
import { knownByFacts } from '../../support/datasets.ts'
import { NO_TRAINERS } from '../../support/no-trainers.ts'

const db = useDatabase()

let logged: string[]
beforeEach(async () => {
  logged = []
  await db.prisma.trainingRun.deleteMany()
  await db.prisma.model.deleteMany()
})

/** Runs that never get further than PREPARING: their data set is being fetched until they are stopped. */
function createService(prisma: PrismaClient = db.prisma, { autoResume = false } = {}) {
  const fetches: AbortSignal[] = []
  const artifacts = openArtifactStore(db.folder)
  const service = createRunService({
    prisma,
    openBus: createBus,
    openRunQueue,
    changedModels: createChangedModels(prisma, createBus),
    keeper: createWeightsKeeper(prisma, artifacts),
    logger: pino({}, { write: (line: string) => void logged.push(line) }),
    telemetry: NO_TELEMETRY,
    tracing: NO_TRACING,
    engine: 'cpu',
    trainers: NO_TRAINERS,
    artifacts,
    artifactsFolder: db.folder,
    autoResume,
    maxRestarts: 3,
    concurrency: 1,
    lowWater: NEVER_LOW,
    queuedPerOwner: null,
    datasets: knownByFacts(CIFAR10),
    datasetFacts: () => CIFAR10,
    findArchitecture(name) {
      const architecture = findArchitecture(name)
      return architecture && fitArchitecture(architecture, CIFAR10.imageShape, CIFAR10.classes.length)
    },
    architectures: { using: (name, task) => task(findArchitecture(name)) },
    maxParameters: 1e9,
    prepareDataset: (_name, signal) =>
      new Promise((_resolve, reject) => {
        fetches.push(signal)
        signal.addEventListener('abort', () => reject(signal.reason))
      }),
  })
  return { service, fetches }
}

const start = (service: RunService) => service.start({ architecture: 'vgg_mini', dataset: 'cifar10' })

const cancel = (service: RunService, id: string) => service.control(id, { control: 'CANCEL' })

async function statuses(service: RunService, id: string): Promise<unknown[]> {
  const seen: unknown[] = []
  for await (const event of await service.follow(id, 0)) {
    if (event.kind === 'STATUS_CHANGED') seen.push(event.status)
    if (event.kind === 'CONTROL_APPLIED') seen.push(`${event.control} at ${event.step}`)
  }
  return seen
}

async function until(service: RunService, id: string, status: string): Promise<void> {
  for await (const event of await service.follow(id, 0)) {
    if (event.kind === 'STATUS_CHANGED' && event.status === status) return
  }
}

describe('cancelling', () => {
  test('a run whose data set is being fetched ends it at once and gives up the fetch', async () => {
    const { service, fetches } = createService()
    const { id } = await start(service)
    await until(service, id, 'PREPARING')
    await expect.poll(() => fetches.length).toBe(1)
    expect(await cancel(service, id)).toMatchObject({ status: 'CANCELLED' })
    expect(await statuses(service, id)).toEqual(['PREPARING', 'CANCEL at 0', 'CANCELLED'])
    expect(fetches[0].aborted).toBe(true)
    await service.close()
  })

  test('twice at once answers both, and once more is a conflict', async () => {
    const { service } = createService()
    const first = await start(service)
    const second = await start(service)
    for (const { id } of [second, first]) {
      const answers = await Promise.all([cancel(service, id), cancel(service, id)])
      expect(answers.map(({ status }) => status)).toEqual(['CANCELLED', 'CANCELLED'])
      await expect(cancel(service, id)).rejects.toThrow(ConflictError)
    }
    expect(await statuses(service, second.id)).toEqual(['CANCEL at 0', 'CANCELLED'])
    await service.close()
  })

  test('a run that is started at this very moment leaves nobody at work for it', async () => {
    let chosen: (() => void) | undefined
    const { service } = createService(
      db.prisma.$extends({
        query: {
          trainingRun: {
            async findUnique({ args, query }) {
              const found = await query(args)
              // Cancelling has read that the run is QUEUED; now the queue chooses it and makes it PREPARING.
              if (chosen === undefined) {
                const choice = new Promise<void>((resolve) => {
                  chosen = resolve
                })
                void service.startQueue()
                await choice
              }
              return found
            },
            async findFirst({ args, query }) {
              const found = await query(args)
              setImmediate(() => chosen?.())
              return found
            },
          },
        },
      }) as unknown as PrismaClient,
    )
    const { id } = await db.prisma.trainingRun.create({ data: { ...RUN_ROW, status: 'QUEUED' } })
    expect(await cancel(service, id)).toMatchObject({ status: 'CANCELLED' })
    await service.startQueue()
    expect(await service.counts()).toEqual({ running: 0, queued: 0 })
    expect(await statuses(service, id)).toEqual(['PREPARING', 'CANCEL at 0', 'CANCELLED'])
    await service.close()
  })

  test('a run that nobody works for any more ends it', async () => {
    const { service } = createService()
    const { id } = await db.prisma.trainingRun.create({ data: { ...RUN_ROW, status: 'RUNNING', step: 7 } })
    expect(await cancel(service, id)).toMatchObject({ status: 'CANCELLED' })
    expect(await statuses(service, id)).toEqual(['CANCEL at 7', 'CANCELLED'])
    await service.close()
  })
})

describe('a run that begins with other weights', () => {
  const createVersion = (size: number, classes: number) =>
    db.prisma.modelVersion.create({
      data: {
        model: { create: { name: `of ${size} and ${classes}` } },
        version: 1,
        origin: 'IMPORTED',
        architecture: 'vgg11',
        bytes: 1,
        digest: 'a digest',
        preprocessing: {
          size: [size, size],
          resize: COVER,
          mean: [0, 0, 0],
          std: [1, 1, 1],
          labels: Array.from({ length: classes }, (_, i) => `class ${i}`),
        },
      },
    })

  test('is refused at once when those are of another number of classes, and may come of larger pictures', async () => {
    const { service } = createService()
    const begin = ({ id }: { id: string }) =>
      service.start({
        architecture: 'vgg11',
        dataset: 'cifar10',
        transfer: { from: { versionId: id }, head: 'KEEP' },
      })
    await expect(begin(await createVersion(224, 1000))).rejects.toThrow(/1000 classes/)
    expect(await begin(await createVersion(224, 10))).toMatchObject({ initialDigest: 'a digest' })
    await service.close()
  })

  test('is found by its key when they are not kept any more', async () => {
    const { service } = createService()
    const { id: runId } = await db.prisma.trainingRun.create({ data: { ...RUN_ROW, status: 'COMPLETED' } })
    const { id: checkpointId } = await db.prisma.checkpoint.create({
      data: { runId, attempt: 1, step: 1, epoch: 1, bytes: 1, digest: 'another digest' },
    })
    const fork = (idempotencyKey: string) =>
      service.start({
        architecture: 'vgg_mini',
        dataset: 'cifar10',
        transfer: { from: { checkpointId } },
        idempotencyKey,
      })
    const { id } = await fork('a key')
    await db.prisma.checkpoint.delete({ where: { id: checkpointId } })
    expect(await fork('a key')).toMatchObject({ id })
    await expect(fork('another key')).rejects.toThrow(ValidationError)
    await service.close()
  })
})

describe('the checkpoints of a run that was not finite for some epochs', () => {
  const artifacts = openArtifactStore(db.folder)
  /** A run with a checkpoint after each of these epochs, newest last; null: its test was not finite. */
  async function createRun(accuracies: (number | null)[], more: object = {}) {
    const { id } = await db.prisma.trainingRun.create({
      data: {
        ...RUN_ROW,
        status: 'COMPLETED',
        ...more,
        checkpoints: {
          create: accuracies.map((testAccuracy, i) => ({
            attempt: 1,
            step: 10 * (i + 1),
            epoch: i + 1,
            bytes: 1,
            digest: `weights ${i + 1}`,
            stateDigest: `state ${i + 1}`,
            testAccuracy,
            testLoss: testAccuracy === null ? null : 1,
          })),
        },
      },
    })
    return id
  }
  const keptOf = async (id: string) => {
    const keeper = {
      ...createWeightsKeeper(db.prisma, artifacts),
      release: (_: unknown, forget: () => Promise<never>) => forget(),
    }
    await pruneCheckpoints(db.prisma, keeper, id)
    const kept = await db.prisma.checkpoint.findMany({ where: { runId: id }, orderBy: { step: 'asc' } })
    return kept.map(({ epoch }) => epoch)
  }

  test('are kept by their figures where they have any, and the newest of all to go on from', async () => {
    expect(await keptOf(await createRun([0.3, 0.2, null, null]))).toEqual([1, 2, 4])
    expect(await keptOf(await createRun([0.3, 0.2, null, null], { keepBest: 0 }))).toEqual([2, 4])
    expect(await keptOf(await createRun([0.3, 0.2, null, null], { bestStep: 10, keepBest: 0 }))).toEqual([
      1, 2, 4,
    ])
    expect(await keptOf(await createRun([null, null]))).toEqual([2])
  })

  test('are registered by the run as the one that it came to', async () => {
    const { register, close } = createModelService({
      prisma: db.prisma,
      openBus: createBus,
      artifacts,
      changedModels: createChangedModels(db.prisma, createBus),
      keeper: createWeightsKeeper(db.prisma, artifacts),
      facts: () => CIFAR10,
      getReady: async () => {},
      architectures: { find: findArchitecture, using: (name, task) => task(findArchitecture(name)) },
      logger: pino({ level: 'silent' }),
      telemetry: NO_TELEMETRY,
    })
    const of = async (runId: string) => (await register({ name: 'a model', weights: { runId } })).digest
    expect(await of(await createRun([0.3, 0.2, null]))).toBe('weights 2')
    expect(await of(await createRun([0.3, 0.2, null], { bestStep: 10 }))).toBe('weights 1')
    await close()
  })
})

describe('closing', () => {
  test('while a data set is being fetched ends the run truly, tells who watches, and starts nothing', async () => {
    const { service, fetches } = createService()
    const { id } = await start(service)
    const next = await start(service)
    await until(service, id, 'PREPARING')
    await expect.poll(() => fetches.length).toBe(1)
    const watched = statuses(service, id)
    await service.close()
    expect(await watched).toEqual(['PREPARING', 'FAILED'])
    expect(await service.find({ where: { id } })).toMatchObject({ failure: { code: 'SERVER_STOPPED' } })
    expect(await service.find({ where: { id: next.id } })).toMatchObject({ status: 'QUEUED' })
    expect(fetches).toHaveLength(1)
    expect(service.listenerCount).toBe(0)
  })
})

describe('a database that fails for a moment', () => {
  /** Fails in the queue's look for the next run, as often as `failures.left` says. */
  function failing(failures: { left: number }): PrismaClient {
    return db.prisma.$extends({
      query: {
        trainingRun: {
          findFirst({ args, query }) {
            if (failures.left-- > 0) throw new Error('the database is away')
            return query(args)
          },
        },
      },
    }) as unknown as PrismaClient
  }

  test('after a run has ended is logged and does not end the process', async () => {
    const failures = { left: 0 }
    const { service } = createService(failing(failures))
    const rejections: unknown[] = []
    const note = (reason: unknown) => void rejections.push(reason)
    process.on('unhandledRejection', note)
    const { id } = await start(service)
    await until(service, id, 'PREPARING')
    const next = await start(service)
    failures.left = 1
    await cancel(service, id)
    while (!logged.some((line) => line.includes('the database is away'))) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    process.off('unhandledRejection', note)
    expect(rejections).toEqual([])
    // Whatever happens next in the queue starts what was left.
    await service.startQueue()
    await until(service, next.id, 'PREPARING')
    await service.close()
  })
})

describe('following the loss of a run', () => {
  test('misses no point that is written while the stream is being opened', async () => {
    let write: (() => Promise<unknown>) | undefined
    const prisma = db.prisma.$extends({
      query: {
        async $queryRaw({ args, query }) {
          const found = await query(args)
          if (args.sql.trim().startsWith('SELECT "seq"')) await write?.()
          return found
        },
      },
    }) as unknown as PrismaClient
    const { service } = createService(prisma)
    const { id } = await db.prisma.trainingRun.create({ data: { ...RUN_ROW, status: 'RUNNING' } })
    const at = new Date()
    const point = (step: number) => ({
      runId: id,
      attempt: 1,
      step,
      epoch: 1,
      loss: 1,
      learningRate: 1,
      imagesPerSecond: 1,
      at,
    })
    const append = async (seq: number, steps: number[]) => {
      const kind = 'LOSS_POINTS' as const
      await db.prisma.runEvent.create({ data: { runId: id, seq, kind, at, attempt: 1 } })
      await db.prisma.lossPoint.createMany({ data: steps.map((step) => ({ ...point(step), seq })) })
      await db.prisma.trainingRun.update({ where: { id }, data: { lastSeq: seq } })
    }
    await append(1, [1, 2, 3])
    let written = 0
    write = () => {
      written += 1
      return append(2, [4, 5, 6])
    }
    const stream = await service.followLoss(id, 4)
    expect([(await stream.next()).value?.step, (await stream.next()).value?.step]).toEqual([5, 6])
    await stream.return?.()
    expect(written).toBe(1)
    write = undefined
    // From the midst of an event that carries several.
    const again = await service.followLoss(id, 2)
    expect([(await again.next()).value?.step, (await again.next()).value?.step]).toEqual([3, 4])
    await again.return?.()
    expect(service.listenerCount).toBe(0)
    await service.close()
  })
})
