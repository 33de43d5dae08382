import { EventEmitter, once } from 'node:events'
import { pino } from 'pino'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { openArtifactStore } from '../../../src/adapters/local/artifact-store.ts'
import { createBus } from '../../../src/adapters/local/bus.ts'
import { openRunQueue } from '../../../src/adapters/local/run-queue.ts'
import { NO_TELEMETRY } from '../../../src/adapters/local/telemetry.ts'
import { NO_TRACING } from '../../../src/adapters/local/tracing.ts'
import { CIFAR10 } from '../../../src/data/sources/cifar10/facts.ts'
import { PrismaClientKnownRequestError } from '../../../src/db/generated/internal/prismaNamespace.ts'
import { OverloadedError, StorageFullError, ValidationError } from '../../../src/errors.ts'
import { createChangedModels } from '../../../src/models/changed-models.ts'
import { createWeightsKeeper } from '../../../src/models/weights-keeper.ts'
import type { TrainerEnd } from '../../../src/ports/trainer-launcher.ts'
import { QUEUE_ORDER } from '../../../src/runs/lifecycle/queue.ts'
import { createRunService, type RunService, type RunServiceOptions } from '../../../src/runs/service.ts'
import { NEVER_LOW } from '../../../src/storage/low-water.ts'
import { isMakingRoom } from '../../../src/storage/room.ts'
import type { FromTrainer, ToTrainer, Trainers } from '../../../src/trainer/protocol.ts'
import { findArchitecture } from '../../../src/zoo/catalog.ts'
import { ENGINE, useDatabase } from '../../support/database.ts'
import { knownByFacts } from '../../support/datasets.ts'
import { standardHyperparameters } from '../../support/hyperparameters.ts'
import { seededRandom } from '../../support/random.ts'

/** A trainer that says and does what a test wants. */
interface Trainer {
  /** The next message of a type. */
  hears<Type extends ToTrainer['type']>(type: Type): Promise<Extract<ToTrainer, { type: Type }>>
  says(message: FromTrainer): void
  dies(end?: TrainerEnd): void
}

const trainers = { started: (_trainer: Trainer) => {} }

const KILLED: TrainerEnd = { kind: 'killed', how: 'SIGKILL', lastWords: null }
const EXITED: TrainerEnd = { kind: 'exited', how: 'exit code 0', lastWords: null }

/** In place of processes. */
const SCRIPTED: Trainers = {
  launch({ onMessage }) {
    const said = new EventEmitter()
    let dies!: (end: TrainerEnd) => void
    const ended = new Promise<TrainerEnd>((resolve) => {
      dies = resolve
    })
    trainers.started({
      hears: async (type) => (await once(said, type))[0],
      says: onMessage,
      dies: (end = KILLED) => dies(end),
    })
    return {
      name: 1,
      send: (message) => void said.emit(message.type, message),
      kill: () => dies(KILLED),
      ended,
    }
  },
}

const db = useDatabase()
beforeEach(async () => {
  await db.prisma.trainingRun.deleteMany()
})

const artifacts = openArtifactStore(db.folder)

function createService(options: Partial<RunServiceOptions> = {}) {
  const waiting: ((trainer: Trainer) => void)[] = []
  const there: Trainer[] = []
  trainers.started = (trainer) => {
    const next = waiting.shift()
    if (next === undefined) there.push(trainer)
    else next(trainer)
  }
  const service = createRunService({
    prisma: db.prisma,
    openBus: createBus,
    openRunQueue,
    changedModels: createChangedModels(db.prisma, createBus),
    keeper: createWeightsKeeper(db.prisma, artifacts),
    logger: pino({ level: 'silent' }),
    telemetry: NO_TELEMETRY,
    tracing: NO_TRACING,
    engine: 'cpu',
    trainers: SCRIPTED,
    artifacts,
    artifactsFolder: db.folder,
    autoResume: true,
    maxRestarts: 3,
    concurrency: 1,
    lowWater: NEVER_LOW,
    queuedPerOwner: null,
    datasets: knownByFacts(CIFAR10),
    datasetFacts: () => CIFAR10,
    findArchitecture,
    architectures: { using: (name, task) => task(findArchitecture(name)) },
    maxParameters: 1e9,
    prepareDataset: async () => ({ file: 'a file', facts: CIFAR10, digest: 'a digest', distrust() {} }),
    ...options,
  })
  /** The next trainer that is started. */
  const trainer = () => {
    const next = there.shift()
    return next === undefined ? new Promise<Trainer>((resolve) => waiting.push(resolve)) : next
  }
  return { service, trainer }
}

const start = (service: RunService) => service.start({ architecture: 'vgg_mini', dataset: 'cifar10' })

async function until(service: RunService, id: string, status: string, after = 0): Promise<number> {
  for await (const event of await service.follow(id, after)) {
    if (event.kind === 'STATUS_CHANGED' && event.status === status) return event.seq
  }
  throw new Error(`it was never ${status}`)
}

const STARTED: FromTrainer = {
  type: 'started',
  engine: ENGINE,
  fromStep: 0,
  steps: 100,
}
const progress = (step: number) => ({
  epoch: 0,
  step,
  imagesPerSecond: 1,
  secondsRemaining: 1,
  peakMemoryBytes: 1,
  memoryBytes: 1,
  phases: { frozenLayers: 0, data: 0, forwardBackward: 0, optimizer: 0, evaluation: 0, saving: 0 },
})
const points = (...steps: number[]): FromTrainer => ({
  type: 'points',
  points: steps.map((step) => ({
    step,
    epoch: step / 10,
    loss: 1,
    nonFinite: null,
    layer: null,
    learningRate: 0.1,
    imagesPerSecond: 1,
    at: 0,
  })),
  progress: progress(steps.at(-1)!),
})

/** A run that nobody works for, with hyperparameters as they are stored. */
async function createRow(status: 'PAUSED' | 'COMPLETED' | 'FAILED') {
  const { id } = await db.prisma.trainingRun.create({
    data: {
      name: 'a run',
      architecture: 'vgg_mini',
      dataset: 'cifar10',
      hyperparameters: standardHyperparameters() as object,
      seed: 1,
      epochs: 10,
      step: 100,
      steps: 100,
      status,
      checkpoints: {
        create: { attempt: 1, step: 100, epoch: 10, bytes: 1, digest: 'weights', stateDigest: 'state' },
      },
    },
  })
  return id
}

describe('two updates at once', () => {
  test('of a run that rests are both made', async () => {
    const { service } = createService()
    const id = await createRow('PAUSED')
    await Promise.all([
      service.control(id, { control: 'UPDATE', values: { learningRate: 0.5 } }),
      service.control(id, { control: 'UPDATE', values: { epochs: 20 } }),
    ])
    const run = await service.get({ where: { id } })
    expect(Object.assign({}, ...(run.changes as object[]))).toEqual({
      step: 100,
      learningRate: 0.5,
      epochs: 20,
    })
    expect(run).toMatchObject({ epochs: 20, steps: 200 })
    await service.close()
  })

  test('of a COMPLETED run are both made, though the first takes it up already', async () => {
    const { service, trainer } = createService()
    const id = await createRow('COMPLETED')
    const updates = [20, 30].map((epochs) => service.control(id, { control: 'UPDATE', values: { epochs } }))
    const worker = await trainer()
    worker.says(STARTED)
    const update = await worker.hears('update')
    const change = { step: 100, ...update.values }
    worker.says({ type: 'updated', id: update.id, change, steps: 300 })
    await Promise.all(updates)
    expect(await service.get({ where: { id } })).toMatchObject({
      changes: [{ step: 100, epochs: 30 }],
      epochs: 30,
    })
    worker.dies()
    await service.close()
  })
})

test('two pauses at once are done once, and each of them can be sent again', async () => {
  const { service } = createService({ concurrency: 0 })
  const { id } = await start(service)
  const pause = (key: string) => service.control(id, { control: 'PAUSE' }, { key })
  for (let i = 0; i < 2; i++) {
    const answers = await Promise.all([pause('one'), pause('another')])
    expect(answers.map(({ status }) => status)).toEqual(['PAUSED', 'PAUSED'])
  }
  expect(await db.prisma.runEvent.count({ where: { runId: id, kind: 'CONTROL_APPLIED' } })).toBe(1)
  await service.close()
})

test('who watches a FAILED run from behind its end hears of an update and then the end of the stream', async () => {
  const { service, trainer } = createService({ maxRestarts: 0 })
  const { id } = await start(service)
  const worker = await trainer()
  worker.says(STARTED)
  worker.dies()
  const end = await until(service, id, 'FAILED')
  await service.control(id, { control: 'UPDATE', values: { learningRate: 0.5 } })
  const events: unknown[] = []
  for await (const event of await service.follow(id, end)) events.push(event.kind)
  expect(events).toEqual(['CONTROL_APPLIED'])
  await service.close()
})

describe('a full queue', () => {
  /** So many runs wait that there is room for `free` more. */
  async function fill(service: RunService, free: number) {
    const { id: _, number: __, hyperparameters, ...row } = await start(service)
    const rows = Array.from({ length: 99 - free }, () => ({
      ...row,
      hyperparameters: hyperparameters as object,
    }))
    await db.prisma.trainingRun.createMany({ data: rows as never })
  }

  test('takes up no run again: not one that rests or FAILED, and no COMPLETED one with more epochs', async () => {
    const { service } = createService({ concurrency: 0 })
    await fill(service, 0)
    const more = { control: 'UPDATE', values: { epochs: 20 } } as const
    for (const [status, input] of [
      ['PAUSED', { control: 'RESUME' }],
      ['FAILED', { control: 'RESUME' }],
      ['COMPLETED', more],
    ] as const) {
      const id = await createRow(status)
      await expect(service.control(id, input, { key: 'a key' })).rejects.toThrow(OverloadedError)
      expect(await service.get({ where: { id } })).toMatchObject({ status, changes: [], lastSeq: 0 })
    }
    // What puts nothing into the queue goes on.
    const id = await createRow('PAUSED')
    expect(await service.control(id, more)).toMatchObject({ status: 'PAUSED', epochs: 20 })
    await service.close()
  })

  test('gives its last place once, to whatever asks for it first, and again when it is free', async () => {
    const { service } = createService({ concurrency: 0 })
    await fill(service, 1)
    const rows = [await createRow('PAUSED'), await createRow('FAILED'), await createRow('PAUSED')]
    const answers = await Promise.allSettled([
      ...rows.map((id) => service.control(id, { control: 'RESUME' })),
      start(service),
      start(service),
    ])
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const answer of answers) {
      if (answer.status === 'rejected') expect(answer.reason).toBeInstanceOf(OverloadedError)
    }
    expect(await service.counts()).toEqual({ running: 0, queued: 100 })
    await service.close()
  })

  test('takes a run that was interrupted back all the same', async () => {
    const { service } = createService({ concurrency: 0 })
    await fill(service, 0)
    const { id } = await db.prisma.trainingRun.update({
      where: { id: await createRow('PAUSED') },
      data: { status: 'RUNNING' },
    })
    await service.recover()
    expect(await service.get({ where: { id } })).toMatchObject({ status: 'QUEUED' })
    await service.close()
  })
})

describe('moving', () => {
  const order = async () =>
    (
      await db.prisma.trainingRun.findMany({
        where: { status: 'QUEUED' },
        orderBy: [...QUEUE_ORDER],
        select: { id: true },
      })
    ).map(({ id }) => id)

  test('puts a run where it is asked to, at random, and leaves the others in their order', async () => {
    const random = seededRandom(1)
    const { service } = createService({ concurrency: 0 })
    for (let i = 0; i < 6; i++) {
      await service.start({
        architecture: 'vgg_mini',
        dataset: 'cifar10',
        priority: Math.floor(random() * 3),
      })
    }
    for (let i = 0; i < 30; i++) {
      const before = await order()
      const id = before[Math.floor(random() * before.length)]
      const position = 1 + Math.floor(random() * 8)
      await service.control(id, { control: 'MOVE', position })
      const others = before.filter((it) => it !== id)
      expect(await order()).toEqual(others.toSpliced(position - 1, 0, id))
      if (random() < 0.3) await start(service)
    }
    await service.close()
  })

  test('to a position and to a priority in one is refused, as is to neither', async () => {
    const { service } = createService({ concurrency: 0 })
    const { id } = await start(service)
    for (const place of [{}, { position: 1, priority: 1 }]) {
      await expect(service.control(id, { control: 'MOVE', ...place })).rejects.toThrow(ValidationError)
    }
    await service.close()
  })

  test('two runs to one place at once moves both', async () => {
    const { service } = createService({ concurrency: 0 })
    for (let i = 0; i < 4; i++) await start(service)
    const [first, second, third, fourth] = await order()
    await Promise.all([third, fourth].map((id) => service.control(id, { control: 'MOVE', position: 1 })))
    expect(await order()).toEqual([fourth, third, first, second])
    await service.close()
  })
})

/** A store in which what a run's last trainer left is removed when `tidied` is called, and not before. */
function untidyStore() {
  let tidied = () => {}
  const tidying = new Promise<void>((resolve) => {
    tidied = resolve
  })
  const tidy = async (_owner?: string, finished?: ReadonlySet<string>) =>
    finished === undefined ? tidying : undefined
  return { artifacts: { tidy, check() {}, async removeDerived() {} }, tidied }
}

describe('an update', () => {
  test('of a COMPLETED run that has no checkpoint to go on from is refused', async () => {
    const { service } = createService()
    const id = await createRow('COMPLETED')
    await db.prisma.checkpoint.updateMany({ data: { stateDigest: null } })
    const update = service.control(id, { control: 'UPDATE', values: { epochs: 20 } })
    await expect(update).rejects.toThrow(/cannot go on. Fork it/)
    await service.close()
  })

  test('of a run whose trainer has just ended is answered', async () => {
    const { artifacts, tidied } = untidyStore()
    const { service, trainer } = createService({
      maxRestarts: 0,
      artifacts,
    })
    const { id } = await start(service)
    const worker = await trainer()
    worker.says(STARTED)
    await until(service, id, 'RUNNING')
    worker.dies()
    await until(service, id, 'FAILED')
    // Its supervisor is still there, and hears nobody any more.
    const early = service.control(id, { control: 'UPDATE', values: { learningRate: 0.5 } })
    await new Promise((resolve) => setImmediate(resolve))
    tidied()
    expect(await early).toMatchObject({ status: 'FAILED', changes: [{ step: 0, learningRate: 0.5 }] })
    await service.close()
  })
})

describe('a run that goes on', () => {
  test('is at work once, though other runs start before its last trainer has been tidied up after', async () => {
    const { artifacts, tidied } = untidyStore()
    const { service, trainer } = createService({
      concurrency: 2,
      artifacts,
    })
    const { id } = await start(service)
    const worker = await trainer()
    worker.says(STARTED)
    await until(service, id, 'RUNNING')
    worker.dies()
    const seq = await until(service, id, 'QUEUED')
    await service.startQueue()
    tidied()
    await until(service, id, 'PREPARING', seq)
    const next = await trainer()
    next.says(STARTED)
    await until(service, id, 'RUNNING', seq)
    expect(await service.counts()).toEqual({ running: 1, queued: 0 })
    const stop = next.hears('stop')
    const paused = service.control(id, { control: 'PAUSE' })
    await stop
    next.says({ type: 'stopped', how: 'PAUSE', step: 0 })
    next.dies(EXITED)
    expect(await paused).toMatchObject({ status: 'PAUSED' })
    await service.close()
  })
})

describe('a run whose trainer said something that could not be written', () => {
  test('keeps nothing of what it said after that', async () => {
    let fails = true
    const { service, trainer } = createService({
      prisma: db.prisma.$extends({
        query: {
          runEvent: {
            createMany({ args, query }) {
              const { kind } = [args.data].flat()[0]!
              if (kind !== 'LOSS_POINTS' || !fails) return query(args)
              fails = false
              throw new Error('the database is away')
            },
          },
        },
      }) as never,
    })
    const { id } = await start(service)
    const worker = await trainer()
    worker.says(STARTED)
    await until(service, id, 'RUNNING')
    worker.says(points(1, 2))
    worker.says(points(3, 4))
    expect(await until(service, id, 'FAILED')).toBeGreaterThan(0)
    expect(await db.prisma.lossPoint.count({ where: { runId: id } })).toBe(0)
    await service.close()
  })
})

describe('a run that is to stop', () => {
  async function running(service: RunService, trainer: () => Trainer | Promise<Trainer>) {
    const { id } = await start(service)
    const worker = await trainer()
    worker.says(STARTED)
    await until(service, id, 'RUNNING')
    return { id, worker }
  }

  test('for a pause rests, though the server stops before it has', async () => {
    const { service, trainer } = createService()
    const { id, worker } = await running(service, trainer)
    const stop = worker.hears('stop')
    const paused = service.control(id, { control: 'PAUSE' }, { key: 'a key' })
    await stop
    const closed = service.close()
    worker.says({ type: 'stopped', how: 'PAUSE', step: 0 })
    worker.dies(EXITED)
    await closed
    expect(await paused).toMatchObject({ status: 'PAUSED' })
    const kinds = await db.prisma.runEvent.findMany({ where: { runId: id }, orderBy: { seq: 'asc' } })
    expect(kinds.slice(2).map(({ kind }) => kind)).toEqual(['CONTROL_APPLIED', 'STATUS_CHANGED'])
  })

  test('for good is CANCELLED, though its trainer fails on the way', async () => {
    const { service, trainer } = createService()
    const { id, worker } = await running(service, trainer)
    const stop = worker.hears('stop')
    const cancelled = service.control(id, { control: 'CANCEL' })
    await stop
    worker.says({ type: 'failed', failure: { code: 'INTERNAL_ERROR', message: 'the disk is full' } })
    worker.dies(EXITED)
    expect(await cancelled).toMatchObject({ status: 'CANCELLED' })
    await service.close()
  })

  test('says so to whoever asks for it when that is being written, rather than forget the key', async () => {
    let read = (_found: unknown) => {}
    let writes = () => {}
    const isWritten = new Promise<void>((resolve) => {
      writes = resolve
    })
    let reads = 0
    const prisma = db.prisma.$extends({
      query: {
        trainingRun: {
          async findUnique({ args, query }) {
            const found = await query(args)
            // The second pause has read twice that it is RUNNING, and goes on when the end is being written.
            if (--reads === 0) {
              read(found)
              await isWritten
            }
            return found
          },
          update({ args, query }) {
            if (args.data.status === 'PAUSED') writes()
            return query(args)
          },
        },
      },
    }) as never
    const { service, trainer } = createService({ prisma })
    const { id, worker } = await running(service, trainer)
    const pause = (key: string) => service.control(id, { control: 'PAUSE' }, { key })
    const stop = worker.hears('stop')
    const first = pause('a key')
    await stop
    const hasRead = new Promise((resolve) => {
      read = resolve
    })
    reads = 2
    const second = pause('another key')
    await hasRead
    worker.says({ type: 'stopped', how: 'PAUSE', step: 0 })
    worker.dies(EXITED)
    await expect(second).rejects.toThrow(/is PAUSED; it cannot be paused/)
    expect(await first).toMatchObject({ status: 'PAUSED' })
    expect(await pause('a key')).toMatchObject({ status: 'PAUSED' })
    await service.close()
  })
})

describe('a run whose database takes nothing for a while', () => {
  /** A client that fails all transactions while `failure` is set, but those that make room where there is some kept for it. */
  function failing() {
    const state = { failure: null as Error | null, failed: 0, hasReserve: false }
    const prisma = new Proxy(db.prisma, {
      get(target, key) {
        const value = Reflect.get(target, key)
        if (key !== '$transaction' || state.failure === null) return value
        return async (...args: unknown[]) => {
          if (state.hasReserve && isMakingRoom()) return Reflect.apply(value, target, args)
          state.failed += 1
          throw state.failure
        }
      },
    })
    return { state, prisma }
  }
  const UNREACHED = new PrismaClientKnownRequestError("Can't reach database server", {
    code: 'P1001',
    clientVersion: '7',
  })

  test.each([
    ['its disk is full', new StorageFullError('full')],
    ['its server is away', UNREACHED],
  ])('because %s has every point and its true end when that is over', async (_name, failure) => {
    const { state, prisma } = failing()
    const { service, trainer } = createService({ prisma, maxRestarts: 0 })
    const { id } = await start(service)
    const worker = await trainer()
    worker.says(STARTED)
    await until(service, id, 'RUNNING')
    state.failure = failure
    worker.says(points(1, 2))
    worker.says(points(3))
    await expect.poll(() => state.failed).toBeGreaterThan(1)
    // What cannot be recorded is not promised.
    await expect(service.control(id, { control: 'PAUSE' })).rejects.toThrow(failure.message)
    worker.says({ type: 'failed', failure: { code: 'LOSS_NOT_FINITE', message: 'NaN' } })
    worker.dies(EXITED)
    state.failure = null
    await until(service, id, 'FAILED')
    expect(await service.get({ where: { id } })).toMatchObject({
      status: 'FAILED',
      failure: { code: 'LOSS_NOT_FINITE' },
      step: 3,
    })
    expect(await db.prisma.lossPoint.count({ where: { runId: id } })).toBe(3)
    await service.close()
  })

  test('is cancelled all the same: a cancel makes room', async () => {
    const { state, prisma } = failing()
    const { service, trainer } = createService({ prisma })
    const { id } = await start(service)
    const worker = await trainer()
    worker.says(STARTED)
    await until(service, id, 'RUNNING')
    Object.assign(state, { failure: new StorageFullError('full'), hasReserve: true })
    worker.says(points(1, 2))
    await expect.poll(() => state.failed).toBeGreaterThan(0)
    const stop = worker.hears('stop')
    const cancelled = service.control(id, { control: 'CANCEL' })
    expect(await stop).toMatchObject({ how: 'CANCEL' })
    worker.says({ type: 'stopped', how: 'CANCEL', step: 2 })
    worker.dies(EXITED)
    expect(await cancelled).toMatchObject({ status: 'CANCELLED', step: 2 })
    expect(await db.prisma.lossPoint.count({ where: { runId: id } })).toBe(2)
    await service.close()
  })

  test('and not even what makes room is stopped, says so, and is CANCELLED when that is over', async () => {
    const { state, prisma } = failing()
    const { service, trainer } = createService({ prisma })
    const { id } = await start(service)
    const worker = await trainer()
    worker.says(STARTED)
    await until(service, id, 'RUNNING')
    state.failure = new StorageFullError('full')
    const cancel = () => service.control(id, { control: 'CANCEL' }, { key: 'a key' })
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    try {
      for (let time = 1; time <= 2; time++) {
        const told = cancel().catch((error: Error) => error.message)
        let answer: unknown
        void told.then((it) => {
          answer = it
        })
        await expect
          .poll(() => vi.advanceTimersByTimeAsync(5000).then(() => answer), { timeout: 60_000 })
          .toMatch(/Run #\d+ stops.*full/)
      }
    } finally {
      vi.useRealTimers()
    }
    state.failure = null
    await until(service, id, 'CANCELLED')
    expect(await cancel()).toMatchObject({ status: 'CANCELLED' })
    await service.close()
  })

  test('holds its trainer up before much has piled up, and lets it go on', async () => {
    const { state, prisma } = failing()
    const { service, trainer } = createService({ prisma })
    const { id } = await start(service)
    const worker = await trainer()
    worker.says(STARTED)
    await until(service, id, 'RUNNING')
    state.failure = new StorageFullError('full')
    const held = worker.hears('hold')
    for (let step = 1; step <= 70; step++) worker.says(points(step))
    await held
    const free = worker.hears('goOn')
    state.failure = null
    await free
    expect(await db.prisma.lossPoint.count({ where: { runId: id } })).toBe(70)
    const closing = service.close()
    worker.dies()
    await closing
  })

  test('is started when that is over, and the next start recovers what a server that stopped could not record', async () => {
    const { state, prisma } = failing()
    const { service, trainer } = createService({ prisma })
    state.failure = UNREACHED
    const { id } = await start(service)
    await expect.poll(() => state.failed).toBeGreaterThan(1)
    state.failure = null
    const worker = await trainer()
    worker.says(STARTED)
    await until(service, id, 'RUNNING')
    state.failure = UNREACHED
    worker.dies()
    await service.close()
    expect(await service.get({ where: { id } })).toMatchObject({ status: 'RUNNING' })
    state.failure = null
    const next = createService()
    await next.service.recover()
    expect(await next.service.get({ where: { id } })).toMatchObject({ status: 'QUEUED' })
    await next.service.close()
  })
})
