import { createHash, randomUUID } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { openArtifactStore } from '../../../src/adapters/local/artifact-store.ts'
import type { PrismaClient } from '../../../src/db/generated/client.ts'
import { pruneCheckpoints } from '../../../src/models/prune-checkpoints.ts'
import { createWeightsKeeper } from '../../../src/models/weights-keeper.ts'
import type { StagedArtifact } from '../../../src/ports/artifact-store.ts'
import type { Journal } from '../../../src/runs/journal/journal.ts'
import { createCheckpoints } from '../../../src/runs/lifecycle/checkpoints.ts'
import type { RunStatus } from '../../../src/runs/model/status.ts'
import { useDatabase } from '../../support/database.ts'

const db = useDatabase()
let folder: string
let artifacts: ReturnType<typeof openArtifactStore>
beforeEach(async () => {
  await db.prisma.trainingRun.deleteMany()
  folder = join(db.folder, randomUUID())
  artifacts = openArtifactStore(folder)
})

/** A client whose server is killed as soon as it asks who names a file; the next one has a working database. */
const dying = () =>
  db.prisma.$extends({
    query: {
      modelVersion: {
        findMany() {
          throw new Error('killed')
        },
      },
    },
  }) as unknown as PrismaClient

async function staged(content: string): Promise<StagedArtifact> {
  const { staged, path } = await artifacts.stage()
  await writeFile(path, content)
  return { staged, digest: createHash('sha256').update(content).digest('hex'), bytes: content.length }
}

const createRun = (status: RunStatus = 'QUEUED') =>
  db.prisma.trainingRun.create({
    data: {
      status,
      name: 'a run',
      architecture: 'vgg_mini',
      dataset: 'cifar10',
      hyperparameters: {},
      seed: 1,
      epochs: 1,
    },
  })

async function save(runId: string, attempt: number, step: number, { withState = true } = {}) {
  const weights = await staged(`weights ${attempt} ${step}`)
  const state = await staged(`state ${attempt} ${step}`)
  await createWeightsKeeper(db.prisma, artifacts).keep(withState ? [weights, state] : [weights], () =>
    db.prisma.checkpoint.create({
      data: {
        runId,
        attempt,
        step,
        epoch: 1,
        testAccuracy: step / 1000,
        bytes: weights.bytes,
        digest: weights.digest,
        stateDigest: withState ? state.digest : null,
      },
    }),
  )
  await artifacts.tidy()
}

test('files whose rows went when the server was killed go with the next start', async () => {
  const { id } = await createRun('COMPLETED')
  await save(id, 1, 10)
  await save(id, 1, 20)
  expect(readdirSync(folder)).toHaveLength(4)
  await expect(pruneCheckpoints(dying(), createWeightsKeeper(dying(), artifacts), id)).rejects.toThrow(
    'killed',
  )
  await createWeightsKeeper(db.prisma, artifacts).sweep()
  const [{ digest, stateDigest }, ...more] = await db.prisma.checkpoint.findMany({ where: { runId: id } })
  expect(more).toEqual([])
  expect(readdirSync(folder).sort()).toEqual([digest, stateDigest].map((it) => `${it}.safetensors`).sort())
})

test('files that could be neither recorded nor removed go with the next start', async () => {
  const weights = await staged('weights')
  const keeper = createWeightsKeeper(dying(), artifacts)
  const keeping = keeper.keep([weights], () => Promise.reject(new Error('the database is away')))
  await expect(keeping).rejects.toThrow('the database is away')
  await createWeightsKeeper(db.prisma, artifacts).sweep()
  expect(readdirSync(folder)).toEqual([])
})

test('a run that begins anew goes on from what it saves, though older weights of higher steps are there', async () => {
  const { id } = await createRun()
  await save(id, 1, 100, { withState: false })
  for (const step of [13, 26]) {
    await save(id, 2, step)
    await prune(id)
    expect((await resumable(id))[0]).toBe(step)
  }
})

const prune = (id: string, isAtEnd = false) =>
  pruneCheckpoints(db.prisma, createWeightsKeeper(db.prisma, artifacts), id, isAtEnd)

/** Steps of the checkpoints that the run could go on from, newest first, each with its file. */
async function resumable(runId: string): Promise<number[]> {
  const found = await db.prisma.checkpoint.findMany({
    where: { runId, stateDigest: { not: null } },
    orderBy: { step: 'desc' },
  })
  for (const { stateDigest } of found) await artifacts.materialise(stateDigest!)
  return found.map(({ step }) => step)
}

describe('what a run can go on from', () => {
  test('is kept twice until its end, then once, and nothing of it when it is cancelled', async () => {
    const { id } = await createRun('RUNNING')
    for (const step of [10, 20, 30]) await save(id, 1, step)
    await prune(id)
    expect(await resumable(id)).toEqual([30, 20])
    await prune(id, true)
    expect(await resumable(id)).toEqual([30])
    await db.prisma.trainingRun.update({ where: { id }, data: { status: 'CANCELLED' } })
    await prune(id)
    expect(await resumable(id)).toEqual([])
    expect(await db.prisma.checkpoint.count({ where: { runId: id } })).toBe(1)
    expect(readdirSync(folder)).toHaveLength(1)
  })

  test('is given up from the steps on whose files are damaged, and by a start for what a killed server cancelled', async () => {
    const { id } = await createRun('RUNNING')
    for (const step of [10, 20]) await save(id, 1, step)
    const keeper = createWeightsKeeper(db.prisma, artifacts)
    const checkpoints = createCheckpoints(db.prisma, {} as Journal, keeper)
    await checkpoints.wentOnFrom(id, 20)
    expect(await resumable(id)).toEqual([20, 10])
    await checkpoints.wentOnFrom(id, 10)
    expect((await checkpoints.newest(id))?.step).toBe(10)
    expect(readdirSync(folder)).toHaveLength(3)
    await db.prisma.trainingRun.update({ where: { id }, data: { status: 'CANCELLED' } })
    await checkpoints.sweep()
    expect(await resumable(id)).toEqual([])
  })
})
