import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { zipOf } from '../../support/archives.ts'
import { placeMigratedDatabase } from '../../support/embedded-database.ts'
import { classFolders, entriesOf, folderOf } from '../../support/importing.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'
import { mountSmallDisk, type SmallDisk, skipsSmallDisks } from '../../support/small-disk.ts'
import { sendFiles, uploadsGone } from '../../support/upload.ts'

const CREATE = `mutation ($input: CreateDatasetInput!) { createDataset(input: $input) {
  __typename ... on Dataset { reference } ... on Error { message }
} }`
const CANCEL = `mutation ($name: String!) { cancelDatasetImport(name: $name) {
  __typename ... on Dataset { reference import { state } } ... on Error { message }
} }`
const STATE = `query ($name: String!) { dataset(name: $name) {
  state error classes trainCount testCount import { state ahead }
} }`

afterAll(stopServers)

/** Pictures that take a while: so many, small as files and large in pixels, each so many times. */
async function slowArchive(count: number, times = 1): Promise<Buffer> {
  const entries = []
  for (let i = 0; i < count; i++) {
    const background = { r: (i * 37) % 256, g: (i * 91) % 256, b: i % 2 === 0 ? 255 : 0 }
    const bytes = await sharp({ create: { width: 2500, height: 2500, channels: 3, background } })
      .png({ compressionLevel: 1 })
      .toBuffer()
    for (let copy = 0; copy < times; copy++) {
      // Not the same file, so that each is decoded.
      const file = Buffer.concat([bytes, Buffer.from([copy])])
      entries.push({ name: `${i % 2 === 0 ? 'blue' : 'other'}/${i} ${copy}.png`, bytes: file })
    }
  }
  return zipOf(entries)
}

async function send(server: TestServer, name: string, bytes: Buffer): Promise<string> {
  const input = { name, from: { archive: null }, size: [32, 32] }
  const files = { 'input.from.archive': { name: 'pictures.zip', bytes } }
  const { body } = await sendFiles(server, CREATE, { input }, files)
  expect(body.errors).toBeUndefined()
  return body.data.createDataset.reference
}

/** Resolves when the version is told to be as a test wants it. */
async function until(
  server: TestServer,
  name: string,
  accept: (told: { state: string; progress: number }) => boolean,
): Promise<void> {
  const events = server.subscribe(
    'subscription ($name: String!) { datasetChanged(name: $name) { import { state progress } } }',
    { name },
  )
  for await (const { data } of events) {
    const told = data.datasetChanged.import
    if (accept(told)) return
    // Nothing more will come.
    if (isOver(told)) throw new Error(`the import of ${name} is ${told.state} already`)
  }
}

const isAtWork = ({ state, progress }: { state: string; progress: number }) =>
  state === 'IMPORTING' && progress > 0
const isOver = ({ state }: { state: string }) => state !== 'IMPORTING' && state !== 'QUEUED'

/** What is left of imports and of data sets of one's own in the server's folder. */
function leftOf({ dataDir }: TestServer): string[] {
  const folder = join(dataDir, 'datasets')
  const imports = join(folder, 'imports')
  return [
    ...(existsSync(folder) ? readdirSync(folder) : []).filter((name) => name.includes('@')),
    ...(existsSync(imports) ? readdirSync(imports) : []),
  ]
}

describe('an import', () => {
  let archive: Buffer
  let small: Buffer
  let server: TestServer
  beforeAll(async () => {
    archive = await slowArchive(40, 5)
    small = zipOf(entriesOf(await classFolders({ cat: 3, dog: 3 })))
    server = await startServer()
  })

  test('that is cancelled, at work or waiting, leaves nothing', async () => {
    const [first, second] = [await send(server, 'at_work', archive), await send(server, 'waiting', small)]
    await until(server, first, isAtWork)
    const { dataset } = await server.query(STATE, { name: second })
    expect(dataset).toMatchObject({ state: 'IMPORTING', classes: [], import: { state: 'QUEUED', ahead: 1 } })
    for (const name of ['waiting', 'at_work@1']) {
      const { cancelDatasetImport } = await server.query(CANCEL, { name })
      expect(cancelDatasetImport).toMatchObject({ import: { state: 'CANCELLED' } })
    }
    expect(leftOf(server)).toEqual([])
    const { cancelDatasetImport: again } = await server.query(CANCEL, { name: first })
    expect(again).toMatchObject({ __typename: 'ConflictError' })
    const after = await server.query(STATE, { name: first })
    expect(after.dataset).toMatchObject({ state: 'CANCELLED', error: expect.stringContaining('cancelled') })
  })

  test('whose server is killed begins again with the next one, and no half of it is there meanwhile', async () => {
    const [first, second] = [await send(server, 'killed', archive), await send(server, 'behind', small)]
    await until(server, first, isAtWork)
    const { dataDir } = server
    await server.stop('SIGKILL')
    expect(
      readdirSync(join(dataDir, 'datasets')).filter((name) => name.endsWith('.bin') && name.includes('@')),
    ).toEqual([])
    // What nothing in the database knows of: of a server that died before it said so.
    writeFileSync(join(dataDir, 'datasets', 'killed@1.bin'), 'half of it')
    writeFileSync(join(dataDir, 'datasets', 'nobody@7.bin'), 'nobody knows it')
    server = await startServer({ dataDir })
    const { datasets } = await server.query('{ datasets { reference state trainCount } }')
    expect(datasets).not.toContainEqual(expect.objectContaining({ reference: 'killed@1', state: 'READY' }))
    await until(server, second, isOver)
    for (const [name, images] of [
      [first, 40],
      [second, 6],
    ] as const) {
      const { dataset } = await server.query(STATE, { name })
      expect(dataset).toMatchObject({ state: 'READY', error: null })
      expect(dataset.trainCount + dataset.testCount).toBe(images)
    }
    expect(leftOf(server).sort()).toEqual([`${second}.bin`, `${first}.bin`])
  })

  test('of a version whose file is gone, damaged or restored says so, and what to do', async () => {
    const file = join(server.dataDir, 'datasets', 'behind@1.bin')
    const whole = readFileSync(file)
    renameSync(file, `${file}.away`)
    const state = async () => (await server.query(STATE, { name: 'behind' })).dataset
    expect(await state()).toMatchObject({ state: 'MISSING', classes: ['cat', 'dog'] })
    const { errors } = await server.execute('{ dataset(name: "behind") { samples(count: 1) { label } } }')
    const remedy = 'Restore the file from a copy, or create the data set again.'
    expect(errors).toMatchObject([
      { message: expect.stringContaining(remedy), extensions: { code: 'DATASET_UNAVAILABLE' } },
    ])
    const altered = Buffer.from(whole)
    altered[altered.length - 100]! ^= 1
    writeFileSync(file, altered)
    expect(await state()).toMatchObject({ error: expect.stringContaining(remedy) })
    writeFileSync(file, whole)
    expect(await state()).toMatchObject({ state: 'READY', error: null })
  })
})

describe.skipIf(skipsSmallDisks)('on a disk that becomes full', () => {
  const RETRY = `mutation ($name: String!) { retryDatasetImport(name: $name) {
    __typename ... on Dataset { import { state error canRetry } } ... on Error { message }
  } }`
  const DELETE = `mutation ($name: String!) { deleteDataset(name: $name) { __typename } }`
  const stateOf = async (name: string) =>
    (
      await server.query(
        'query ($name: String!) { dataset(name: $name) { import { state error canRetry } } }',
        { name },
      )
    ).dataset.import
  let disk: SmallDisk
  let server: TestServer
  beforeAll(async () => {
    disk = mountSmallDisk(200)
    await placeMigratedDatabase(join(disk.folder, 'database'))
    server = await startServer({ dataDir: disk.folder })
  })
  afterAll(async () => {
    await server?.stop()
    disk?.unmount()
  })

  test('what is being sent is cut off, refused and gone', async () => {
    disk.fill(40 * 2 ** 20)
    const input = { name: 'large', from: { archive: null } }
    const files = { 'input.from.archive': { name: 'large.zip', bytes: Buffer.alloc(60 * 2 ** 20) } }
    const { status, body } = await sendFiles(server, CREATE, { input }, files)
    expect(status).toBe(507)
    expect(body.errors).toMatchObject([{ extensions: { code: 'STORAGE_FULL' } }])
    await uploadsGone(server)
    disk.empty()
    expect(leftOf(server)).toEqual([])
    expect((await server.query(STATE, { name: 'large' })).dataset).toBeNull()
  })

  test('an import fails, keeps what was sent also across a restart, and goes on when it is asked to', async () => {
    const archive = await slowArchive(20, 8)
    disk.fill(48 * 2 ** 20)
    const more = join(disk.folder, 'more')
    const [first, second, third] = [
      await send(server, 'first', archive),
      await send(server, 'second', archive),
      await send(server, 'third', archive),
    ]
    await until(server, first, isAtWork)
    // What is always left free is for this: to say what became of it.
    writeFileSync(more, Buffer.alloc(36 * 2 ** 20))
    for (const name of [first, second, third]) {
      await until(server, name, isOver)
      expect(await stateOf(name)).toEqual({
        ...{ state: 'FAILED', canRetry: true },
        error: expect.stringMatching(/The disk of .* is full: .* What was sent is kept: retryDatasetImport/),
      })
    }
    expect(await server.execute(RETRY, { name: 'first' })).toMatchObject({
      errors: [{ extensions: { code: 'STORAGE_FULL' } }],
    })
    expect(leftOf(server)).toHaveLength(3)

    disk.empty()
    rmSync(more)
    await server.stop()
    server = await startServer({ dataDir: disk.folder })
    expect(leftOf(server)).toHaveLength(3)
    const { retryDatasetImport } = await server.query(RETRY, { name: 'first' })
    expect(retryDatasetImport).toMatchObject({ import: { error: null, canRetry: false } })
    // The others are not wanted any more.
    expect((await server.query(CANCEL, { name: 'second' })).cancelDatasetImport.import.state).toBe(
      'CANCELLED',
    )
    expect((await server.query(DELETE, { name: 'third' })).deleteDataset.__typename).toBe('Dataset')
    await until(server, first, isOver)
    const { dataset } = await server.query(STATE, { name: first })
    expect(dataset).toMatchObject({ state: 'READY', error: null })
    expect(dataset.trainCount + dataset.testCount).toBe(20)
    // What the others were sent goes after they were answered.
    await expect.poll(() => leftOf(server)).toEqual([`${first}.bin`])
    for (const name of [first, second]) {
      expect((await server.query(RETRY, { name })).retryDatasetImport).toMatchObject({
        __typename: 'ConflictError',
        message: expect.stringContaining('no import that can be tried again'),
      })
    }
  })
})

test('a folder below DATASETS_DIR becomes a data set, and pictures beyond MAX_DATASET_BYTES are refused', async () => {
  const given = folderOf({ ...(await classFolders({ 'pets/cat': 3, 'pets/dog': 3 })), 'file.zip': 'text' })
  const server = await startServer({ env: { DATASETS_DIR: given, MAX_DATASET_BYTES: '100000' } })
  const create = async (folder: string) => {
    const input = { name: 'pets', from: { folder }, size: [32, 32] }
    return (await server.query(CREATE, { input })).createDataset
  }
  for (const [folder, message] of [
    ['../pets', 'not below'],
    ['/etc', 'not below'],
    ['pets/../..', 'not below'],
    ['nobody', 'no folder'],
    ['file.zip', 'is a file'],
  ] as const) {
    expect((await create(folder)).message, folder).toContain(message)
  }
  await create('pets')
  await until(server, 'pets@1', isOver)
  const { dataset } = await server.query(STATE, { name: 'pets' })
  expect(dataset).toMatchObject({ state: 'READY', classes: ['cat', 'dog'] })

  const input = { name: 'large', from: { archive: null } }
  const files = { 'input.from.archive': { name: 'large.zip', bytes: Buffer.alloc(100_001) } }
  const { status, body } = await sendFiles(server, CREATE, { input }, files)
  expect(status).toBe(413)
  expect(body.errors).toMatchObject([{ message: expect.stringContaining('MAX_DATASET_BYTES') }])
})
