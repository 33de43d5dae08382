import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { amcheck } from '@electric-sql/pglite/contrib/amcheck'
import { expect } from 'vitest'
import { LOCAL_VIEWER } from '../../../src/access/viewer.ts'
import { datasetFile } from '../../../src/data/dataset.ts'
import { folderName } from '../../../src/data/own/uploads.ts'
import { openDatabase } from '../../../src/db/client.ts'
import type { LossPoint, PrismaClient } from '../../../src/db/generated/client.ts'
import { loadDataset } from '../loaded-dataset.ts'
import { collectEvents, type Event } from '../runs.ts'
import { startServer } from '../server.ts'
import { predictOne, type Told, untilReady } from './working-server.ts'

/**
 * Opens what a power cut left as a server's start does, and looks whether it has all that was told, and nothing in part.
 * @param folder  the server's
 */
export async function expectNothingLost(folder: string, told: readonly Told[]): Promise<void> {
  const { prisma, close } = await openDatabase({ folder: join(folder, 'database') })
  try {
    await expectRows(prisma, told)
    await expectFiles(prisma, folder)
    for (const it of told) if (it.kind === 'upload') expectUpload(folder, it)
  } finally {
    await close()
  }
}

/** Starts a server on it, where runs, imports and predictions go on as if nothing had been. */
export async function expectGoesOn(folder: string, told: readonly Told[]): Promise<void> {
  const server = await startServer({ dataDir: folder })
  const deleted = new Set(tellsOf(told, 'deletedRun').map(({ id }) => id))
  for (const { id } of tellsOf(told, 'run')) {
    if (deleted.has(id) || isBeingDeleted(told, id)) continue
    const events = await collectEvents(server, Buffer.from(`TrainingRun:${id}`).toString('base64'))
    expect(events.at(-1)?.status).toBe('COMPLETED')
    for (const { run, event } of tellsOf(told, 'event')) {
      // Points come in batches of other sizes from the journal.
      if (run === id && event.points === undefined) expect(events).toContainEqual(event)
    }
  }
  for (const name of new Set(tellsOf(told, 'dataset').map(({ name }) => name))) await untilReady(server, name)
  if (tellsOf(told, 'alias').length > 0) await predictOne(server, 3)
  await server.stop()
}

const tellsOf = <Kind extends Told['kind']>(told: readonly Told[], kind: Kind) =>
  told.filter((it): it is Extract<Told, { kind: Kind }> => it.kind === kind)

async function expectRows(prisma: PrismaClient, told: readonly Told[]): Promise<void> {
  const deleted = new Set(tellsOf(told, 'deletedRun').map(({ id }) => id))
  const runs = new Set((await prisma.trainingRun.findMany({ select: { id: true } })).map(({ id }) => id))
  for (const { id } of tellsOf(told, 'run')) {
    // Whether it is half deleted was not told.
    if (!deleted.has(id) && runs.has(id)) await expectEvents(prisma, id, told)
    else expect(deleted.has(id) || isBeingDeleted(told, id), `the run ${id} is there`).toBe(true)
  }
  for (const id of deleted) expect(runs.has(id), `the run ${id} is deleted`).toBe(false)

  const predictions = await prisma.prediction.findMany({ select: { id: true } })
  const ids = predictions.map(({ id }) => id)
  expect(ids).toEqual(expect.arrayContaining(tellsOf(told, 'prediction').map(({ id }) => id)))
  for (const { id, digest } of tellsOf(told, 'version')) {
    expect(await prisma.modelVersion.findUnique({ where: { id } })).toMatchObject({ digest })
  }
  for (const { name, version } of tellsOf(told, 'alias')) {
    expect(await prisma.modelAlias.findFirst({ where: { name } })).toMatchObject({ versionId: version })
  }
  for (const { name, isReady } of tellsOf(told, 'dataset')) {
    const row = await prisma.datasetVersion.findFirst({ where: { datasetName: name } })
    expect(isReady ? ['READY'] : ['QUEUED', 'IMPORTING', 'READY'], name).toContain(row?.state)
  }
}

/** The last that is told of a run that is about to be deleted is its end; its deletion may be on the disk already. */
function isBeingDeleted(told: readonly Told[], id: string): boolean {
  const [first] = tellsOf(told, 'run')
  const ends = tellsOf(told, 'event').filter(({ run, event }) => run === id && event.status === 'COMPLETED')
  return first?.id !== id && ends.length > 0
}

async function expectEvents(prisma: PrismaClient, runId: string, told: readonly Told[]): Promise<void> {
  const events = tellsOf(told, 'event').flatMap(({ run, event }) => (run === runId ? [event] : []))
  const points = await prisma.lossPoint.findMany({ where: { runId } })
  const found = new Map(points.map((point) => [`${point.attempt} ${point.step}`, point]))
  for (const point of events.flatMap((event: Event): LossPoint[] => event.points ?? [])) {
    expect(found.get(`${point.attempt} ${point.step}`)?.loss).toBe(point.loss)
  }
  const rows = await prisma.runEvent.groupBy({ by: ['kind'], where: { runId }, _count: true })
  for (const [name, kind] of [
    ['EpochEnded', 'EPOCH_ENDED'],
    ['StatusChanged', 'STATUS_CHANGED'],
    ['CheckpointSaved', 'CHECKPOINT_SAVED'],
  ] as const) {
    // A run is followed more than once.
    const cursors = new Set(events.flatMap((it: Event) => (it.__typename === name ? [it.cursor] : [])))
    const count = rows.find((row) => row.kind === kind)?._count ?? 0
    expect(count, name).toBeGreaterThanOrEqual(cursors.size)
  }
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Each file that a row names is there and whole, and each that has its name is whole. */
async function expectFiles(prisma: PrismaClient, folder: string): Promise<void> {
  const artifacts = join(folder, 'artifacts')
  const names = existsSync(artifacts) ? readdirSync(artifacts) : []
  const whole = new Set<string>()
  for (const name of names) {
    if (!name.endsWith('.safetensors')) continue
    const digest = name.slice(0, -'.safetensors'.length)
    expect(sha256(readFileSync(join(artifacts, name)))).toBe(digest)
    whole.add(digest)
  }
  const checkpoints = await prisma.checkpoint.findMany()
  const versions = await prisma.modelVersion.findMany()
  const named = [
    ...[...checkpoints, ...versions].map(({ digest }) => digest),
    ...checkpoints.flatMap(({ stateDigest }) => stateDigest ?? []),
  ]
  for (const digest of named) expect(whole.has(digest), `the artifact ${digest} is there`).toBe(true)
  // What no row names is marked, for a sweep to find it.
  for (const digest of whole) {
    if (!named.includes(digest)) expect(names).toContain(`${digest}.pending`)
  }
  for (const { id, datasetName, version, state, digest } of await prisma.datasetVersion.findMany()) {
    if (state === 'READY') {
      await loadDataset(datasetFile(join(folder, 'datasets'), `${datasetName}@${version}`), digest!)
    } else {
      expectGiven(join(folder, 'datasets/imports', id, 'given'))
    }
  }
}

function expectUpload(folder: string, { id, count }: Extract<Told, { kind: 'upload' }>): void {
  const upload = join(folder, 'datasets/uploads', folderName({ upload: id, ownerId: LOCAL_VIEWER.id }))
  expect(picturesOf(upload)).toBeGreaterThanOrEqual(count)
}

/** What a data set is to be made of: an archive, or pictures. */
function expectGiven(given: string): void {
  const archive = join(given, 'archive')
  expect(existsSync(archive) ? statSync(archive).size : picturesOf(given)).toBeGreaterThan(0)
}

/** How many there are, each of them whole. */
function picturesOf(folder: string): number {
  const pictures = JSON.parse(readFileSync(join(folder, 'pictures.json'), 'utf8'))
  for (const { file, bytes } of pictures) expect(statSync(join(folder, file)).size).toBe(bytes)
  return pictures.length
}

/** PostgreSQL's own check of every table and index. */
export async function expectSoundDatabase(dataDir: string): Promise<void> {
  const pg = await PGlite.create({ dataDir, extensions: { amcheck } })
  try {
    await pg.exec('CREATE EXTENSION IF NOT EXISTS amcheck')
    const { rows } = await pg.query(`SELECT relname, msg FROM pg_class, verify_heapam(oid)
      WHERE relkind IN ('r', 't', 'm') AND relpersistence = 'p'`)
    expect(rows).toEqual([])
    await pg.query(`SELECT bt_index_check(indexrelid, true) FROM pg_index JOIN pg_class ON oid = indexrelid
      JOIN pg_am ON pg_am.oid = relam WHERE amname = 'btree' AND indisvalid`)
  } finally {
    await pg.close()
  }
}
