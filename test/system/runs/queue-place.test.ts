import { beforeEach, describe, expect, test } from 'vitest'
import { CIFAR10 } from '../../../src/data/sources/cifar10/facts.ts'
import type { Prisma } from '../../../src/db/generated/client.ts'
import type { EngineReport } from '../../../src/engine/report.ts'
import { createQueuePlaces } from '../../../src/runs/planning/queue-place.ts'
import { findArchitecture } from '../../../src/zoo/catalog.ts'
import { useDatabase } from '../../support/database.ts'
import { standardHyperparameters } from '../../support/hyperparameters.ts'

const db = useDatabase()
beforeEach(async () => {
  await db.prisma.trainingRun.deleteMany()
})

const ENGINE: EngineReport = {
  kind: 'NATIVE',
  device: 'this one',
  processor: 'this',
  instructionSet: 'one',
  threads: 1,
  notTaken: [],
}
const LIMITS = { trainLimit: 600, testLimit: 300 }

function insert(data: Partial<Prisma.TrainingRunCreateInput> & { limits?: object }) {
  const { limits, ...rest } = data
  return db.prisma.trainingRun.create({
    data: {
      ...{ name: 'a run', architecture: 'vgg_mini', dataset: 'cifar10', seed: 1, epochs: 1 },
      hyperparameters: standardHyperparameters({ batchSize: 16, ...LIMITS, ...limits }) as object,
      ...rest,
    },
  })
}

/** A run of 10 epochs that each took so many seconds. */
const finished = (seconds: number, data: Parameters<typeof insert>[0] = {}) =>
  insert({
    status: 'COMPLETED',
    engine: { ...ENGINE },
    imagesPerSecond: 100,
    epochSummaries: {
      create: [
        { attempt: 1, epoch: 1, step: 10, seconds: 1000 },
        { attempt: 1, epoch: 2, step: 20, seconds },
      ],
    },
    ...data,
  })

function places(concurrency = 1, engine: EngineReport | null = ENGINE) {
  return createQueuePlaces({
    prisma: db.prisma,
    concurrency,
    findArchitecture,
    datasetFacts: () => CIFAR10,
    engine: async () => engine,
  })
}

/** When a run would start that waits behind another. */
async function behind(data: Parameters<typeof insert>[0], engine?: EngineReport | null) {
  await insert({ status: 'PREPARING', ...data })
  const { id } = await insert({})
  return (await places(1, engine).of(id))?.secondsUntilStart
}

describe('the time until a run starts', () => {
  test('is not known before a run on this engine has shown one, and without an engine', async () => {
    expect(await behind({})).toBeNull()
    await finished(2, { engine: { ...ENGINE, device: 'another one' } })
    expect(await behind({})).toBeNull()
    await db.prisma.trainingRun.deleteMany()
    await finished(2)
    expect(await behind({}, null)).toBeNull()
  })

  test('is that of the newest epoch of the network, times the epochs, in proportion to the images', async () => {
    await finished(7)
    await finished(2)
    await finished(100, { limits: { batchSize: 128 } })
    expect(await behind({ epochs: 5 })).toBe(10)
    await db.prisma.trainingRun.deleteMany({ where: { status: { not: 'COMPLETED' } } })
    expect(await behind({ epochs: 5, limits: { trainLimit: 1300, testLimit: 300 } })).toBe(20)
  })

  test('is by images per second while no epoch has ended', async () => {
    await finished(0, { epochSummaries: undefined })
    // 600 training images and 300 test images at a third of the cost.
    expect(await behind({ epochs: 3 })).toBe(3 * 7)
  })

  test('counts only the steps that a run has left', async () => {
    await finished(2)
    expect(await behind({ epochs: 5, steps: 100, step: 80 })).toBeCloseTo(2, 9)
  })

  test('is what a run at work says of itself once it has been evaluated', async () => {
    await finished(2)
    expect(await behind({ status: 'RUNNING', epochs: 5, epoch: 1, secondsRemaining: 33 })).toBe(33)
    await db.prisma.trainingRun.deleteMany({ where: { status: { not: 'COMPLETED' } } })
    expect(await behind({ status: 'RUNNING', epochs: 5, epoch: 0, secondsRemaining: 1 })).toBe(10)
  })
})

test('a page of runs is answered from one reading, and who asks later from a newer one', async () => {
  const runs = [await insert({}), await insert({}), await insert({ priority: 1 })]
  let readings = 0
  const prisma = new Proxy(db.prisma, {
    get(target, name, receiver) {
      if (name === 'trainingRun') readings += 1
      return Reflect.get(target, name, receiver)
    },
  })
  const asked = createQueuePlaces({
    ...{ prisma, concurrency: 1, findArchitecture },
    datasetFacts: () => CIFAR10,
    engine: async () => null,
  })
  const positions = async () => {
    const found = await Promise.all(runs.map(({ id }) => asked.of(id)))
    return found.map((place) => place?.position)
  }
  expect(await positions()).toEqual([2, 3, 1])
  expect(readings).toBe(1)
  await db.prisma.trainingRun.update({ where: { id: runs[2].id }, data: { status: 'CANCELLED' } })
  expect(await positions()).toEqual([1, 2, undefined])
})
