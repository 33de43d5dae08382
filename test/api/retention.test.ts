import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createRetention, type Kept } from '../../src/system/retention.ts'
import { createStorageMeter } from '../../src/system/storage.ts'
import { RUN_ROW, useDatabase } from '../support/database.ts'

const DAY = 24 * 60 * 60 * 1000
const NOW = new Date('2026-11-30T12:00:00Z')
const daysAgo = (days: number) => new Date(NOW.getTime() - days * DAY)

const database = useDatabase()
const errors: unknown[] = []
let tidied = 0

function retention(kept: Partial<Kept>) {
  return createRetention({
    prisma: database.prisma,
    async tidy() {
      tidied += 1
    },
    kept: { predictions: null, runLogs: null, audit: null, ...kept },
    logger: { info() {}, error: (...told: unknown[]) => void errors.push(told) },
  })
}

afterEach(() => {
  tidied = 0
  expect(errors).toEqual([])
})

test('Predictions that are older than they are kept are forgotten, however many, and nothing else', async () => {
  const { prisma } = database
  const model = await prisma.model.create({ data: { name: 'a model' } })
  const version = await prisma.modelVersion.create({
    data: {
      modelId: model.id,
      version: 1,
      architecture: 'vgg_mini',
      digest: 'a'.repeat(64),
      bytes: 1,
      preprocessing: {},
    },
  })
  const prediction = (createdAt: Date) => ({
    modelVersionId: version.id,
    label: 'cat',
    confidence: 1,
    probabilities: [],
    input: new Uint8Array(1),
    latencyMs: 1,
    createdAt,
  })
  await prisma.prediction.createMany({
    data: [...Array.from({ length: 1001 }, () => prediction(daysAgo(31))), prediction(daysAgo(29))],
  })
  const forever = retention({})
  await forever.sweep(NOW)
  expect([await prisma.prediction.count(), tidied]).toEqual([1002, 0])
  await forever.close()

  const month = retention({ predictions: 30 * DAY })
  await month.sweep(NOW)
  expect(await prisma.prediction.findMany({ select: { createdAt: true } })).toEqual([
    { createdAt: daysAgo(29) },
  ])
  expect(tidied).toBe(1)
  await month.close()
})

test("Old lines of runs are forgotten, but for each run's newest, whose number the next one goes on from", async () => {
  const { prisma } = database
  const run = await prisma.trainingRun.create({ data: RUN_ROW })
  const lines = [40, 35, 31, 20].map((days, i) => ({
    runId: run.id,
    number: i + 1,
    attempt: 1,
    at: daysAgo(days),
    stream: 'STDOUT' as const,
    text: `line ${i + 1}`,
  }))
  await prisma.runOutputLine.createMany({ data: lines })
  const kept = () => prisma.runOutputLine.findMany({ orderBy: { number: 'asc' }, select: { number: true } })
  const month = retention({ runLogs: 30 * DAY })
  await month.sweep(NOW)
  expect(await kept()).toEqual([{ number: 4 }])
  await month.sweep(new Date(NOW.getTime() + 100 * DAY))
  expect(await kept()).toEqual([{ number: 4 }])
  await month.close()
})

test('Entries of the audit log are forgotten when their days are over, and those that stay keep their numbers', async () => {
  const { prisma } = database
  const entry = (days: number) => ({
    action: 'deleteTrainingRun',
    outcome: 'DONE' as const,
    address: '127.0.0.1',
    requestId: 'a',
    at: daysAgo(days),
  })
  await prisma.auditEntry.createMany({ data: [...Array.from({ length: 501 }, () => entry(366)), entry(364)] })
  const year = retention({ audit: 365 * DAY })
  await year.sweep(NOW)
  const left = () => prisma.auditEntry.findMany({ orderBy: { seq: 'asc' }, select: { seq: true, at: true } })
  expect(await left()).toEqual([{ seq: 502, at: daysAgo(364) }])
  await year.sweep(new Date(NOW.getTime() + 2 * DAY))
  expect(await left()).toEqual([])
  await prisma.auditEntry.create({ data: entry(0) })
  expect(await left()).toMatchObject([{ seq: 503 }])
  await year.close()
})

test('The embedded database is tidied while others read and write it', async () => {
  const { prisma } = database
  const before = await prisma.trainingRun.count()
  const asked = Array.from({ length: 20 }, () => prisma.trainingRun.create({ data: RUN_ROW }))
  await Promise.all([database.tidy(), ...asked])
  expect(await prisma.trainingRun.count()).toBe(before + 20)
  // As many as VACUUM has counted.
  await database.tidy()
  const [counted] = await prisma.$queryRaw<
    [{ rows: number }]
  >`SELECT reltuples::int AS rows FROM pg_class WHERE relname = 'TrainingRun'`
  expect(counted.rows).toBe(before + 20)
})

test('What takes room is told by what it is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vggzoo-storage-'))
  try {
    const files = {
      'database/base/1': 3,
      [`artifacts/${'b'.repeat(64)}.safetensors`]: 5,
      [`artifacts/${'b'.repeat(64)}.json`]: 1,
      'datasets/cifar10.bin': 4,
      'datasets/imports/1/given/archive': 2,
      'uploads/1': 2,
      'engines.json': 1,
    }
    for (const [path, blocks] of Object.entries(files)) {
      mkdirSync(join(folder, path, '..'), { recursive: true })
      writeFileSync(join(folder, path), Buffer.alloc(blocks * 65536, 1))
    }
    const { free, size, parts } = await createStorageMeter(folder)()
    expect(free).toBeGreaterThan(0)
    expect(size).toBeGreaterThanOrEqual(free)
    expect(parts.map(({ what, files: count }) => [what, count])).toEqual([
      ['WEIGHTS', 1],
      ['DATASETS', 1],
      ['UPLOADS', 2],
      ['DATABASE', 1],
      ['DERIVED', 1],
      ['OTHER', 1],
    ])
    expect(parts.find(({ what }) => what === 'DATABASE')!.bytes).toBeGreaterThanOrEqual(3 * 65536)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
