import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import pino from 'pino'
import { beforeAll, expect, test } from 'vitest'
import { NO_TELEMETRY } from '../../../src/adapters/local/telemetry.ts'
import { type DatasetRegistry, openDatasets } from '../../../src/data/datasets.ts'
import { createImportFolders } from '../../../src/data/own/files.ts'
import { createImports, type Imports } from '../../../src/data/own/imports.ts'
import { createOwnDatasets, type OwnDatasets } from '../../../src/data/own/service.ts'
import { createDatasetUploads } from '../../../src/data/own/uploads.ts'
import { NEVER_LOW } from '../../../src/storage/low-water.ts'
import { watchRoom } from '../../../src/storage/room.ts'
import { useDatabase } from '../../support/database.ts'
import { classFolders } from '../../support/importing.ts'

/*
 * Imports of one's own data sets where a test is the server: what a killed one leaves in its database, it writes there.
 */

const db = useDatabase()
const folder = join(db.folder, 'datasets')
let registry: DatasetRegistry
let imports: Imports
let datasets: OwnDatasets
beforeAll(async () => {
  const given = join(db.folder, 'given')
  for (const [path, bytes] of Object.entries(await classFolders({ 'pets/cat': 40, 'pets/dog': 40 }))) {
    mkdirSync(join(given, dirname(path)), { recursive: true })
    writeFileSync(join(given, path), bytes)
  }
  const logger = pino({ level: 'silent' })
  const room = watchRoom(folder)
  const telemetry = NO_TELEMETRY
  registry = await openDatasets({
    ...{ modules: [], folder, given: { cifar10: null }, own: [] },
    ...{ logger, telemetry },
  })
  const folders = createImportFolders(folder)
  const { prisma } = db
  const entry = new URL('../../../dist/data/importing/import-process.js', import.meta.url)
  const shared = { prisma, registry, folders, given, room, lowWater: NEVER_LOW }
  imports = createImports({ ...shared, maxBytes: 2 ** 30, logger, telemetry, entry })
  datasets = createOwnDatasets({
    ...shared,
    // Nothing is begun before a test says so.
    imports: { wake() {}, cancel: imports.cancel },
    uploads: createDatasetUploads(join(folder, 'uploads'), 2 ** 30, room),
    runsThatNeed: async () => [],
  })
})

const edits = { classes: [], relabel: [], exclude: [], mostOfClass: null }
const create = (name: string) => datasets.create({ name, from: { folder: 'pets' }, edits, size: [32, 32] })

/** Begins what waits, and resolves when the version is over. */
async function over(reference: string): Promise<{ state: string; error: string | null }> {
  imports.wake()
  for await (const { own } of registry.followOne(registry.named(reference)!)) {
    if (own!.state !== 'QUEUED' && own!.state !== 'IMPORTING') return own!
  }
  throw new Error('It was not followed to its end.')
}

test('an import at whose work the server was killed twice is begun again, and one of three times is FAILED with its reason', async () => {
  for (const [name, attempts] of [
    ['twice', 2],
    ['thrice', 3],
  ] as const) {
    const { id } = (await create(name)).own
    await db.prisma.datasetVersion.update({ where: { id }, data: { state: 'IMPORTING', attempts } })
    mkdirSync(join(folder, 'imports', id, 'given'), { recursive: true })
  }
  expect(await over('twice@1')).toMatchObject({ state: 'READY', error: null })
  expect(await over('thrice@1')).toMatchObject({
    ...{ state: 'FAILED', mayRetry: false },
    error: expect.stringContaining('was killed 3 times while it imported this'),
  })
  await expect.poll(() => readdirSync(join(folder, 'imports'))).toEqual([])
})

test.skipIf(process.platform !== 'linux')(
  'an import whose process is killed is FAILED with its reason, and leaves nothing',
  async () => {
    const { reference } = (await create('shot')).own
    const ended = over(reference)
    for await (const { own } of registry.followOne(registry.named(reference)!)) {
      if (own!.progress !== null) break
    }
    process.kill(importProcess(), 'SIGKILL')
    expect(await ended).toMatchObject({
      ...{ state: 'FAILED', mayRetry: false },
      error: expect.stringMatching(/SIGKILL|killed|memory/),
    })
    expect(readdirSync(folder).filter((name) => name.startsWith('shot'))).toEqual([])
    await expect.poll(() => readdirSync(join(folder, 'imports'))).toEqual([])
  },
)

test('a hundred imports may wait, and another one is refused until one has begun', async () => {
  const waiting = []
  for (let i = 0; i < 100; i++) waiting.push((await create(`waits${i}`)).own)
  await expect(create('too_many')).rejects.toMatchObject({
    ...{ name: 'OverloadedError', message: '100 data sets are waiting to be imported. Try again later.' },
  })
  expect(registry.find('too_many')).toBeUndefined()
  await datasets.cancel(waiting[0]!.reference)
  expect((await create('enough')).own.state).toBe('QUEUED')
})

/** The process of this one that imports. */
function importProcess(): number {
  const found = readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      const isOurs =
        readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[1] === String(process.pid)
      return isOurs && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('import-process')
    } catch {
      // It ended meanwhile.
      return false
    }
  })
  if (found.length !== 1) throw new Error(`There are ${found.length} processes that import.`)
  return Number(found[0])
}
