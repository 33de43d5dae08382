import { EventEmitter, once } from 'node:events'
import { expect } from 'vitest'
import { zipOf } from '../archives.ts'
import { classFolders, entriesOf, picture } from '../importing.ts'
import { REGISTER, SET_ALIAS } from '../models.ts'
import { ADD, CREATE, predictOne, rowOf, type Told, untilReady } from '../power-cut/working-server.ts'
import { EVENTS, finalDigest, startRun } from '../runs.ts'
import type { TestServer } from '../server.ts'
import { followThrough, type Survivor } from '../survivor.ts'
import { type FilePart, sendFiles } from '../upload.ts'

/** A server whose disk becomes full now and then, and that comes back where it ends meanwhile. */
export interface Site extends Pick<Survivor, 'server'> {
  /** Resolves when there is room. */
  room(): Promise<void>
}

/** What a client gets that wants something kept, and comes again when there is room. */
export interface Work {
  /** What was told and must not be lost. */
  readonly told: readonly Told[]
  /** How often each kind of it was done; `refused`: for want of room. */
  readonly counts: Readonly<Record<string, number>>
  /** Resolves when so many more pieces are done. Rejects, as the others do, with what was wrong in any of them. */
  done(pieces: number): Promise<void>
  /** Resolves when so many things are refused: each kind of work waits for room then. */
  refused(things: number): Promise<void>
  /** Resolves when what is under way is done; nothing else is begun. */
  end(): Promise<void>
}

/** A run of some seconds that saves a few checkpoints. */
export const RUN = { epochs: 6, checkpoints: { everySteps: 2 } }

export interface Expected {
  /** Of the weights that undisturbed runs come to, by their seeds. */
  digests: ReadonlyMap<number, string>
  /** A model's weights. */
  safetensors: Uint8Array
}

const FULL = /The disk of .* (is full|is nearly full|has no space left)/

const CAN_RETRY = 'query ($name: String!) { dataset(name: $name) { import { canRetry } } }'
const RETRY = `mutation ($name: String!) { retryDatasetImport(name: $name) {
  __typename ... on Error { message }
} }`
const IMPORT = `mutation ($input: ImportModelInput!) { importModel(input: $input) {
  __typename ... on ModelVersion { id digest } ... on Error { message }
} }`
const DELETE = (what: string) => `mutation ($id: ID!) { delete${what}(id: $id) {
  __typename ... on Error { message }
} }`

/** Begins four kinds of work, each a piece after the other. */
export function workOn(site: Site, { digests, safetensors }: Expected): Work {
  const told: Told[] = []
  const counts: Record<string, number> = {}
  const happened = new EventEmitter()
  let isOver = false
  let imported: string | undefined

  const count = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1
    happened.emit(what === 'refused' ? 'refused' : 'done')
  }

  async function lane(name: string, piece: (nth: number) => Promise<void>): Promise<void> {
    for (let nth = 1; !isOver; nth++) {
      await piece(nth)
      count(name)
    }
  }

  /** Asks again when there is room, and the next server where one ended. */
  async function through<Answer>(ask: (server: TestServer) => Promise<Answer>): Promise<Answer> {
    for (;;) {
      const server = await site.server()
      try {
        return await ask(server)
      } catch (error) {
        if (error instanceof Error && FULL.test(error.message)) {
          count('refused')
          await site.room()
        } else if ((await site.server()) === server) throw error
      }
    }
  }

  async function remove(what: 'TrainingRun' | 'ModelVersion', id: string): Promise<void> {
    const answer = await through(async (server) => memberOf(await server.query(DELETE(what), { id }), true))
    // The first request may have done it, and its answer been lost.
    expect([what, 'NotFoundError']).toContain(answer.__typename)
  }

  async function train(nth: number): Promise<void> {
    const seed = [...digests.keys()][nth % digests.size]!
    const id = await through((server) => startRun(server, { ...RUN, seed, idempotencyKey: `run ${nth}` }))
    const run = rowOf(id)
    told.push({ kind: 'run', id: run })
    await followThrough(site, EVENTS, id, (event) => {
      if (event.status === 'FAILED') throw new Error(event.failure.message)
      told.push({ kind: 'event', run, event })
    })
    expect(await through((server) => finalDigest(server, id))).toBe(digests.get(seed))
    const input = { name: 'kept', weights: { runId: id }, idempotencyKey: `version ${nth}` }
    const version = await through(async (server) => memberOf(await server.query(REGISTER, { input })))
    told.push({ kind: 'version', id: rowOf(version.id), digest: version.digest })
    const alias = { name: `of-run-${nth}`, versionId: version.id }
    await through(async (server) => memberOf(await server.query(SET_ALIAS, { input: alias })))
    told.push({ kind: 'alias', name: alias.name, version: rowOf(version.id) })
    if (nth % 2 === 1) return
    await remove('TrainingRun', id)
    told.push({ kind: 'deletedRun', id: run })
  }

  async function makeDataset(nth: number): Promise<void> {
    const [name, size, idempotencyKey] = [`pets_${nth}`, [32, 32], `data ${nth}`]
    const upload = `upload_${nth}`
    if (nth % 2 === 0) for (const call of [0, 1, 2]) await sendPictures(upload, nth * 6 + call * 2)
    const from = nth % 2 === 0 ? { upload } : { archive: null }
    const input = { ...{ name, from, size, idempotencyKey } }
    const files: Record<string, FilePart> = nth % 2 === 0 ? {} : { 'input.from.archive': await petsOf(nth) }
    await send(CREATE, { input }, files)
    told.push({ kind: 'dataset', name, isReady: false })
    await through(async (server) => {
      const { dataset } = await server.query(CAN_RETRY, { name: `${name}@1` })
      if (dataset.import.canRetry) memberOf(await server.query(RETRY, { name: `${name}@1` }))
      await untilReady(server, name)
    })
    told.push({ kind: 'dataset', name, isReady: true })
  }

  async function sendPictures(upload: string, seed: number): Promise<void> {
    const files: Record<string, FilePart> = {}
    for (const i of [0, 1])
      files[`input.pictures.${i}.file`] = { name: `${seed + i}.png`, bytes: await picture(seed + i) }
    const pictures = ['red', 'blue'].map((label) => ({ file: null, label }))
    await send(ADD, { input: { upload, pictures } }, files)
  }

  async function importModel(nth: number): Promise<void> {
    const input = {
      ...{ name: 'sent', architecture: 'vgg_mini', weights: { safetensors: null } },
      idempotencyKey: `sent ${nth}`,
    }
    const files = { 'input.weights.safetensors': { name: 'model.safetensors', bytes: safetensors } }
    const { id, digest } = await send(IMPORT, { input }, files)
    imported ??= digest
    expect(digest).toBe(imported)
    await remove('ModelVersion', id)
  }

  function send(query: string, variables: object, files: Readonly<Record<string, FilePart>>) {
    return through(async (server) => {
      const { data, errors } = (await sendFiles(server, query, variables, files)).body
      if (errors !== undefined) throw new Error(errors[0]!.message)
      return memberOf(data)
    })
  }

  const lanes = Promise.all([
    lane('predictions', async (nth) => {
      told.push({ kind: 'prediction', id: await through((server) => predictOne(server, nth % 60)) })
    }),
    lane('runs', train),
    lane('data sets', makeDataset),
    lane('imported models', importModel),
  ])
  lanes.catch(() => {})
  const next = (what: 'done' | 'refused') => Promise.race([once(happened, what), lanes])
  return {
    told,
    counts,
    async done(pieces) {
      for (let i = 0; i < pieces; i++) await next('done')
    },
    async refused(things) {
      for (let i = 0; i < things; i++) await next('refused')
    },
    async end() {
      isOver = true
      await lanes
    },
  }
}

/** The one field of an answer, unless it is an error. */
// biome-ignore lint/suspicious/noExplicitAny: a member of whatever union
function memberOf(data: any, mayBeGone = false): any {
  const [member] = Object.values(data) as [{ __typename: string; message?: string }]
  const isGone = mayBeGone && member.__typename === 'NotFoundError'
  if (member.message !== undefined && !isGone) throw new Error(member.message)
  return member
}

async function petsOf(nth: number): Promise<FilePart> {
  return { name: 'pets.zip', bytes: zipOf(entriesOf(await classFolders({ cat: 6, dog: 6 }, nth * 12))) }
}
