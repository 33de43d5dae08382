import { createHash, randomUUID } from 'node:crypto'
import { appendFileSync, mkdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { openArtifactStore } from '../../../src/adapters/local/artifact-store.ts'
import { createRemovals } from '../../../src/concurrency/removals.ts'
import { readHeader } from '../../../src/data/dataset-file.ts'
import { createImportFolders, type ImportFolders } from '../../../src/data/own/files.ts'
import { type Checked, type CheckGround, checkData, type Finding } from '../../../src/maintenance/check.ts'
import { createWeightsKeeper, type WeightsKeeper } from '../../../src/models/weights-keeper.ts'
import { RUN_ROW, useDatabase } from '../../support/database.ts'
import { write } from '../../support/small-dataset.ts'

const db = useDatabase()
let folder: string
let ground: CheckGround & { keeper: WeightsKeeper; folders: ImportFolders }
beforeEach(async () => {
  const { prisma } = db
  await prisma.trainingRun.deleteMany()
  await prisma.modelAlias.deleteMany()
  await prisma.model.deleteMany()
  await prisma.datasetVersion.deleteMany()
  folder = join(db.folder, randomUUID())
  const [artifactsFolder, datasetsFolder] = [join(folder, 'artifacts'), join(folder, 'datasets')]
  mkdirSync(artifactsFolder, { recursive: true })
  mkdirSync(datasetsFolder)
  const artifacts = openArtifactStore(artifactsFolder)
  const removals = createRemovals()
  ground = {
    prisma,
    artifactsFolder,
    datasetsFolder,
    artifacts,
    removals,
    keeper: createWeightsKeeper(prisma, artifacts, removals),
    folders: createImportFolders(datasetsFolder, removals),
  }
})

const file = (path: string) => join(folder, path)

/** Puts a file of weights, and answers its path in the data folder. */
function weights(content: string): { digest: string; path: string } {
  const digest = createHash('sha256').update(content).digest('hex')
  const path = `artifacts/${digest}.safetensors`
  writeFileSync(file(path), content)
  return { digest, path }
}

async function checked(): Promise<{ findings: Finding[]; read: Checked }> {
  const findings: Finding[] = []
  const checking = checkData(ground, new AbortController().signal)
  for (;;) {
    const next = await checking.next()
    if (next.done) return { findings, read: next.value }
    findings.push(next.value)
  }
}

/** A run with a journal, points, a checkpoint, a version with an alias. */
async function fill() {
  const { prisma } = db
  const [model, state] = [weights('weights'), weights('state')]
  const at = new Date()
  const run = await prisma.trainingRun.create({
    data: {
      ...RUN_ROW,
      status: 'FAILED',
      lastSeq: 2,
      bestStep: 4,
      initialDigest: model.digest,
      events: {
        create: [
          { seq: 1, kind: 'LOSS_POINTS', attempt: 1, at },
          { seq: 2, kind: 'CHECKPOINT_SAVED', attempt: 1, at, payload: {} },
        ],
      },
      lossPoints: {
        create: { attempt: 1, step: 4, seq: 1, epoch: 1, loss: 2, learningRate: 0.1, imagesPerSecond: 9, at },
      },
      lossBuckets: {
        create: { attempt: 1, level: 4, bucket: 0, count: 1, finite: 1, sum: 2, last: 4 },
      },
      checkpoints: {
        create: {
          attempt: 1,
          step: 4,
          epoch: 1,
          bytes: 'weights'.length,
          digest: model.digest,
          stateDigest: state.digest,
        },
      },
    },
  })
  const { versions, ...made } = await prisma.model.create({
    data: {
      name: 'net',
      newestVersion: 1,
      versions: {
        create: {
          version: 1,
          architecture: 'vgg_mini',
          bytes: 'weights'.length,
          digest: model.digest,
          preprocessing: {},
        },
      },
    },
    include: { versions: true },
  })
  await prisma.modelAlias.create({ data: { modelId: made.id, name: 'best', versionId: versions[0]!.id } })
  return { run, model, state, version: versions[0]! }
}

/** pets@1, which is READY. */
async function makePets() {
  const path = 'datasets/pets@1.bin'
  await write(file(path))
  await db.prisma.dataset.upsert({
    where: { name: 'pets' },
    create: { name: 'pets', newestVersion: 9 },
    update: {},
  })
  await db.prisma.datasetVersion.create({
    data: {
      datasetName: 'pets',
      version: 1,
      state: 'READY',
      asked: { from: { kind: 'folder', folder: '' }, size: [32, 32] },
      digest: readHeader(file(path)).digest,
      bytes: statSync(file(path)).size,
    },
  })
  return path
}

test('where all is well nothing is found: not what is under way, nor what is made again', async () => {
  await fill()
  const pets = await makePets()
  await write(file('datasets/other.bin'))
  mkdirSync(file('datasets/uploads/mine'), { recursive: true })
  mkdirSync(file('datasets/imports/left'), { recursive: true })
  const { digest } = weights('marked')
  writeFileSync(file(`artifacts/${digest}.pending`), '')
  writeFileSync(file('artifacts/trainer.123.tmp'), 'half')
  const { findings, read } = await checked()
  expect(findings).toEqual([])
  const bytes = 'weights'.length + 'state'.length + 2 * statSync(file(pets)).size
  expect(read).toEqual({ files: 4, bytes })
})

test('files that are missing, altered, cut short or of nobody are each found, with whom they are of', async () => {
  const { run, model, state } = await fill()
  const pets = await makePets()
  rmSync(file(model.path))
  writeFileSync(file(state.path), 'stata')
  const orphan = weights('of nobody')
  mkdirSync(file(orphan.path.replace('safetensors', 'derived')))
  writeFileSync(file('artifacts/notes.txt'), '')
  const { size } = statSync(file(pets))
  truncateSync(file(pets), 5000)
  writeFileSync(file('datasets/cats@3.bin'), '')
  const { findings } = await checked()
  const found = findings.map(({ kind, what, problem }) => `${kind} ${what}: ${problem}`)
  expect(found.sort()).toEqual(
    [
      `MISSING ${model.path}: it is not there; it is of net/1`,
      `DAMAGED ${state.path}: its sha256 is not its name; it is of the state of run #${run.number} at step 4`,
      `ORPHAN ${orphan.path}: no row names it; it may be of another database, else remove it`,
      `ORPHAN ${orphan.path.replace('safetensors', 'derived')}: no row names it; it may be of another database, else remove it`,
      'ORPHAN artifacts/notes.txt: it is no file of vggzoo',
      `DAMAGED ${pets}: it has 5000 bytes and not ${size}; it is of pets@1`,
      'ORPHAN datasets/cats@3.bin: no row names it; the next start of the server removes it',
    ].sort(),
  )
})

test('rows that contradict each other, or a file, are each found', async () => {
  const { run, version } = await fill()
  const path = await makePets()
  const { prisma } = db
  const problems = async () => (await checked()).findings.map(({ what, problem }) => `${what}: ${problem}`)
  const of = `run #${run.number}`

  await prisma.trainingRun.update({ where: { id: run.id }, data: { lastSeq: 3 } })
  expect(await problems()).toEqual([`database: ${of} has 2 events and says 3`])
  await prisma.trainingRun.update({ where: { id: run.id }, data: { lastSeq: 2 } })

  await prisma.runEvent.update({
    where: { runId_seq: { runId: run.id, seq: 1 } },
    data: { kind: 'STATUS_CHANGED' },
  })
  await prisma.lossBucket.updateMany({ data: { count: 5 } })
  await prisma.checkpoint.updateMany({ data: { step: 3, stateDigest: null, bytes: 8 } })
  await prisma.modelVersion.update({ where: { id: version.id }, data: { version: 7, bytes: 6 } })
  const other = await prisma.model.create({ data: { name: 'other' } })
  await prisma.modelAlias.updateMany({ data: { modelId: other.id } })
  await prisma.datasetVersion.updateMany({ data: { version: 10, bytes: 1 } })
  await prisma.counter.update({ where: { name: 'TrainingRun' }, data: { value: 0 } })
  expect((await problems()).sort()).toEqual(
    [
      `database: 1 loss points of ${of} are of no event of it`,
      `database: the buckets of ${of}, level 4, count 5 loss points, and it has 1`,
      `database: ${of} has lost its best checkpoint, that of step 4`,
      `database: ${of} has saved checkpoints and has none that it could go on from`,
      'database: the alias best of model other names a version of another model',
      'database: model net has version 7 and gives the next one number 2',
      'database: data set pets has version 10 and gives the next one number 10',
      `database: the counter of TrainingRun is at 0, and ${run.number} is given`,
      `artifacts/${version.digest}.safetensors: it has 7 bytes, and net/7 says 6`,
      `artifacts/${createHash('sha256').update('state').digest('hex')}.safetensors: no row names it; it may be of another database, else remove it`,
      'datasets/pets@10.bin: it is not there; it is of pets@10',
      `${path}: no row names it; the next start of the server removes it`,
    ].sort(),
  )
  await prisma.counter.update({ where: { name: 'TrainingRun' }, data: { value: run.number } })
})

test('what was sent for a data set that waits to be imported is missed', async () => {
  await makePets()
  const { prisma } = db
  const from = { kind: 'dataset', reference: 'pets@1', edits: {}, added: { kind: 'pictures', count: 1 } }
  const { id } = await prisma.datasetVersion.create({
    data: { datasetName: 'pets', version: 2, asked: { from, size: [32, 32] } },
  })
  expect((await checked()).findings).toEqual([
    {
      kind: 'MISSING',
      what: `datasets/imports/${id}/given`,
      problem: 'what was sent for pets@2 is not there; it cannot be imported',
    },
  ])
  mkdirSync(file(`datasets/imports/${id}/given`), { recursive: true })
  expect((await checked()).findings).toEqual([])
})

test('files of what is deleted while it checks stay until it has ended, and are no findings', async () => {
  const { run, model, state } = await fill()
  const pets = await makePets()
  const checking = checkData(ground, new AbortController().signal)
  const broken = weights('of nobody')
  // It stands still at its first finding, and holds what it has still to read.
  await expect(checking.next()).resolves.toMatchObject({ value: { kind: 'ORPHAN' } })
  await ground.keeper.release([model.digest, state.digest], () =>
    db.prisma.$transaction([
      db.prisma.trainingRun.delete({ where: { id: run.id } }),
      db.prisma.modelAlias.deleteMany(),
      db.prisma.model.deleteMany(),
    ]),
  )
  await db.prisma.datasetVersion.updateMany({ data: { state: 'DELETED' } })
  await ground.folders.removePrepared('pets@1')
  expect(statSync(file(model.path)).size).toBe(7)
  expect(statSync(file(pets)).isFile()).toBe(true)
  await expect(checking.next()).resolves.toMatchObject({ done: true })
  for (const path of [model.path, state.path, pets]) {
    expect(statSync(file(path), { throwIfNoEntry: false })).toBeUndefined()
  }
  expect(statSync(file(broken.path)).isFile()).toBe(true)
})

test('a table that cannot be read is found', async () => {
  const { prisma } = db
  const [{ path }] = (await prisma.$queryRaw`SELECT pg_relation_filepath('"Model"') AS path`) as [
    { path: string },
  ]
  const backedUp = statSync(join(db.folder, 'database', path)).size
  appendFileSync(join(db.folder, 'database', path), Buffer.alloc(8192, 0xa5))
  const { findings } = await checked()
  truncateSync(join(db.folder, 'database', path), backedUp)
  expect(findings).toMatchObject([
    {
      kind: 'INCONSISTENT',
      what: 'database',
      problem: expect.stringMatching(/the table Model cannot be read: invalid page/),
    },
  ])
})
