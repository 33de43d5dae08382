import { createHash, randomUUID } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { openArtifactStore, type StagedArtifact } from '../../../src/artifacts/store.ts'
import type { PrismaClient } from '../../../src/db/generated/client.ts'
import { pruneCheckpoints } from '../../../src/models/prune-checkpoints.ts'
import { createWeightsKeeper } from '../../../src/models/weights-keeper.ts'
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

const createRun = () =>
  db.prisma.trainingRun.create({
    data: {
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
  const { id } = await createRun()
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
    await pruneCheckpoints(db.prisma, createWeightsKeeper(db.prisma, artifacts), id)
    const resumable = await db.prisma.checkpoint.findMany({
      where: { runId: id, stateDigest: { not: null } },
    })
    expect(resumable.map((it) => it.step)).toEqual([step])
  }
})
