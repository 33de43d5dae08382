import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { zipOf } from '../archives.ts'
import { placeTinyDataset } from '../dataset-cache.ts'
import { placeMigratedDatabase } from '../embedded-database.ts'
import { classFolders, entriesOf, picture } from '../importing.ts'
import { REGISTER, SET_ALIAS } from '../models.ts'
import { EVENTS, type Event, startRun } from '../runs.ts'
import { startServer, type TestServer } from '../server.ts'
import { type FilePart, sendFiles } from '../upload.ts'
import { type RecordedDisk, readDisk } from './disk.ts'
import { type Deed, startRecorder } from './recording.ts'

/** What somebody was told, and what must not be lost from then on. Ids are those of the database. */
export type Told =
  | { kind: 'run'; id: string }
  | { kind: 'prediction'; id: string }
  | { kind: 'event'; run: string; event: Event }
  | { kind: 'version'; id: string; digest: string }
  | { kind: 'alias'; name: string; version: string }
  | { kind: 'dataset'; name: string; isReady: boolean }
  | { kind: 'upload'; id: string; count: number }
  | { kind: 'deletedRun'; id: string }

export interface WorkingServer {
  /** As it was before. */
  disk: RecordedDisk
  /** All that the server and its processes did, with the marks of what it told (Told). */
  deeds: Deed[]
}

export const CREATE = `mutation ($input: CreateDatasetInput!) { createDataset(input: $input) {
  __typename ... on Dataset { reference } ... on Error { message }
} }`
export const ADD = `mutation ($input: AddPicturesInput!) { addPictures(input: $input) {
  __typename ... on DatasetUpload { count } ... on Error { message }
} }`
const IMPORTED =
  'subscription ($name: String!) { datasetChanged(name: $name) { import { state progress error } } }'
const PREDICT_AND_STORE = `mutation ($input: PredictInput!) { predict(input: $input) {
  __typename ... on Prediction { id } ... on Error { message }
} }`
const DELETE_RUN = `mutation ($id: ID!) { deleteTrainingRun(id: $id) { __typename ... on Error { message } } }`

const CHAMPION = { alias: { model: 'kept', name: 'champion' } }

/** A global id is that of the database behind the name of its type. */
export const rowOf = (id: string) => Buffer.from(id, 'base64').toString().split(':')[1]!

export interface Work {
  epochs: number
  predictions: number
  /** Whether the server is also stopped in the midst of it, and killed, and a run is deleted. */
  isLong: boolean
}

/** Lets a server do all kinds of its work, and records what it does to its folder. */
export async function recordWorkingServer(folder: string, work: Work): Promise<WorkingServer> {
  mkdirSync(folder, { recursive: true })
  await placeMigratedDatabase(join(folder, 'database'))
  await placeTinyDataset(folder)
  const disk = readDisk(folder)
  const recorder = startRecorder(folder)
  try {
    const tell = (told: Told) => recorder.mark(told)
    const start = () => startServer({ dataDir: folder, env: recorder.env })
    await letWork(start, tell, work)
    return { disk, deeds: recorder.deeds() }
  } finally {
    recorder.close()
  }
}

async function letWork(start: () => Promise<TestServer>, tell: (told: Told) => void, work: Work) {
  let server = await start()
  const files = await classFolders({ cat: 6, dog: 6 })
  const zip = { name: 'pets.zip', bytes: zipOf(entriesOf(files)) }
  const sent = sendPictures(server, tell)
  const made = createDataset(server, 'pets', zip, tell)
  const first = await train(server, work.epochs, tell)
  await Promise.all([follow(server, first, tell), sent, made])
  const input = { name: 'kept', weights: { runId: first } }
  const version = (await server.query(REGISTER, { input })).registerModel
  tell({ kind: 'version', id: rowOf(version.id), digest: version.digest })
  await server.query(SET_ALIAS, { input: { name: 'champion', versionId: version.id } })
  tell({ kind: 'alias', name: 'champion', version: rowOf(version.id) })
  await predict(server, work.predictions, tell)
  const second = await train(server, work.epochs, tell)
  if (!work.isLong) {
    // In the midst of its work.
    await follow(server, second, tell, ({ __typename }) => __typename === 'CheckpointSaved')
    return server.stop('SIGKILL')
  }
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await follow(server, second, tell, ({ __typename }) => __typename === 'CheckpointSaved')
    await server.stop(signal)
    server = await start()
    await createDataset(server, `after_${signal.toLowerCase()}`, zip, tell)
    await predict(server, work.predictions, tell)
  }
  await follow(server, second, tell)
  const { deleteTrainingRun } = await server.query(DELETE_RUN, { id: second })
  if (deleteTrainingRun.message !== undefined) throw new Error(deleteTrainingRun.message)
  tell({ kind: 'deletedRun', id: rowOf(second) })
  await server.stop()
}

async function train(server: TestServer, epochs: number, tell: (told: Told) => void): Promise<string> {
  const id = await startRun(server, { epochs, checkpoints: { everySteps: 2 } })
  tell({ kind: 'run', id: rowOf(id) })
  return id
}

/** Tells of each event of a run until its end, or the first that is accepted. */
async function follow(
  server: TestServer,
  id: string,
  tell: (told: Told) => void,
  accept: (event: Event) => boolean = () => false,
): Promise<void> {
  for await (const { data, errors } of server.subscribe(EVENTS, { id })) {
    if (errors !== undefined) throw new Error(errors[0]!.message)
    const event = data.trainingRunEvents
    tell({ kind: 'event', run: rowOf(id), event })
    if (accept(event)) return
  }
}

async function createDataset(server: TestServer, name: string, zip: FilePart, tell: (told: Told) => void) {
  const input = { name, from: { archive: null }, size: [32, 32] }
  const { body } = await sendFiles(server, CREATE, { input }, { 'input.from.archive': zip })
  if (body.data.createDataset.__typename !== 'Dataset') throw new Error(body.data.createDataset.message)
  tell({ kind: 'dataset', name, isReady: false })
  await untilReady(server, name)
  tell({ kind: 'dataset', name, isReady: true })
}

/** Follows the import of a data set's first version to its end. */
export async function untilReady(server: TestServer, name: string): Promise<void> {
  for await (const { data } of server.subscribe(IMPORTED, { name: `${name}@1` })) {
    const { state, error } = data.datasetChanged.import
    if (error !== null) throw new Error(error)
    if (state === 'READY') return
  }
  throw new Error(`the import of ${name} ended without it`)
}

async function sendPictures(server: TestServer, tell: (told: Told) => void): Promise<void> {
  for (const call of [0, 1]) {
    const files: Record<string, FilePart> = {}
    for (const i of [0, 1, 2]) {
      const seed = 50 + call * 3 + i
      files[`input.pictures.${i}.file`] = { name: `${seed}.png`, bytes: await picture(seed) }
    }
    const pictures = [0, 1, 2].map(() => ({ file: null, label: 'red' }))
    const { body } = await sendFiles(server, ADD, { input: { upload: 'by-hand', pictures } }, files)
    tell({ kind: 'upload', id: 'by-hand', count: body.data.addPictures.count })
  }
}

/** With the version that the alias names. */
export async function predictOne(server: TestServer, index: number): Promise<string> {
  const input = { image: { sample: { dataset: 'tiny', split: 'TEST', index } }, model: CHAMPION }
  const { predict } = await server.query(PREDICT_AND_STORE, { input })
  if (predict.__typename !== 'Prediction') throw new Error(predict.message)
  return rowOf(predict.id)
}

async function predict(server: TestServer, count: number, tell: (told: Told) => void): Promise<void> {
  // Four at a time, as a page would.
  const left = Array.from({ length: count }, (_, i) => i % 60).values()
  const lane = async () => {
    for (const index of left) tell({ kind: 'prediction', id: await predictOne(server, index) })
  }
  await Promise.all(Array.from({ length: 4 }, lane))
}
