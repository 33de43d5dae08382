import { randomUUID } from 'node:crypto'
import { LOCAL, type Owned } from '../../access/viewer.ts'
import type { Prisma, PrismaClient } from '../../db/generated/client.ts'
import { createOnce, type Remember } from '../../db/once.ts'
import { ConflictError, NotFoundError, OverloadedError, ValidationError } from '../../errors.ts'
import type { LowWater } from '../../storage/low-water.ts'
import type { Room } from '../../storage/room.ts'
import type { DatasetStore } from '../dataset.ts'
import type { DatasetRegistry } from '../datasets.ts'
import { DATASET_NAME, DATASET_NAME_RULE, readReference } from '../reference.ts'
import type { AskedImport, AskedOrigin } from './asked.ts'
import { checkClasses, checkLabels, type Issue, readEdits, readHow, USUAL_SIZE } from './check.ts'
import type { ImportFolders } from './files.ts'
import { createGivens, digestsOf } from './given.ts'
import type { Imports } from './imports.ts'
import {
  type AddPicturesInput,
  type CreateDatasetInput,
  type GivenInput,
  isChanged,
  type UpdateDatasetInput,
} from './input.ts'
import type { OwnStore } from './store.ts'
import type { DatasetUpload, DatasetUploads } from './uploads.ts'
import {
  isPending,
  mayBeTriedAgain,
  type OwnFinding,
  type OwnVersion,
  parentOf,
  toOwnFinding,
  toOwnVersion,
} from './version.ts'

/** Imports that may wait, beside the one that is at work. */
const MOST_WAITING = 100
const RETRY_MS = 60_000

/** What people do with data sets of their own. */
export interface OwnDatasets {
  /**
   * Asks for the first version of a data set; it is imported in its turn.
   * @throws ValidationError, NotFoundError, ConflictError, OverloadedError, StorageFullError
   */
  create(input: CreateDatasetInput): Promise<OwnStore>
  /** Asks for the next version of one. Throws as `create` does. */
  update(input: UpdateDatasetInput): Promise<OwnStore>
  /** See DatasetUploads. */
  addPictures(input: AddPicturesInput): Promise<DatasetUpload>
  /**
   * Tries an import again that failed for want of room, with what was sent for it.
   * @throws NotFoundError, ConflictError, OverloadedError, StorageFullError
   */
  retry(reference: string): Promise<OwnStore>
  /** Ends an import, or gives up one that may be tried again; resolves when nothing of it is left. @throws NotFoundError, ConflictError */
  cancel(reference: string): Promise<OwnStore>
  /**
   * Deletes a version, or with a name alone all of them, and frees their files.
   * @returns what it was: of several the newest
   * @throws NotFoundError; ConflictError that names the runs and imports that need it
   */
  delete(reference: string): Promise<OwnStore>
  findings: {
    list(query: Prisma.DatasetFindingFindManyArgs): Promise<OwnFinding[]>
    count(where: Prisma.DatasetFindingWhereInput): Promise<number>
  }
  /** Whose data set is meant; null where it is nobody's: there is none, or it is the server's own. */
  ownerOf(reference: string): Owned | null
  /** How many imports are done before this one; 0 for the one at work, null for one that does not wait. */
  ahead(version: OwnVersion): number | null
}

export function createOwnDatasets(options: {
  prisma: PrismaClient
  registry: DatasetRegistry
  imports: Pick<Imports, 'wake' | 'cancel'>
  folders: ImportFolders
  uploads: DatasetUploads
  /** DATASETS_DIR. */
  given: string | null
  room: Room
  lowWater: Pick<LowWater, 'check'>
  /** Runs that need a data set still, as people call them; at most so many, and whether there are more. */
  runsThatNeed(references: readonly string[]): Promise<string[]>
}): OwnDatasets {
  const { prisma, registry, imports, folders, uploads, room, lowWater } = options
  const givens = createGivens(uploads, options.given)
  const once = createOnce<OwnVersion>({
    async find(own) {
      const found = await prisma.datasetRequest.findUnique({
        where: { ownerId_key: own },
        include: { version: true },
      })
      if (found === null) return null
      const { request, version } = found
      return { request, made: version.state === 'DELETED' ? null : toOwnVersion(version) }
    },
    note: (tx, own, request, { id }) =>
      tx.datasetRequest.create({ data: { ...own, request, versionId: id } }),
  })

  /** @param mayFollow  whether it may be the next version of one that is there */
  async function begin(
    name: string,
    ownerId: string | undefined,
    asked: AskedImport,
    given: GivenInput | null,
    mayFollow: boolean,
    remember: Remember<OwnVersion>,
  ): Promise<OwnVersion> {
    await checkQueue()
    const id = randomUUID()
    try {
      room.check()
      lowWater.check()
      if (given !== null) await givens.bring(given, folders.given(id))
      const made = await prisma.$transaction(async (tx) => {
        // Whoever asks for the same name waits here.
        const { newestVersion: version } = await tx.dataset.upsert({
          where: { name },
          create: { name, newestVersion: 1 },
          update: { newestVersion: { increment: 1 } },
        })
        if (!mayFollow) await checkFree(tx, name)
        const data = { id, datasetName: name, version, ownerId, asked: asked as object }
        return remember(tx, toOwnVersion(await tx.datasetVersion.create({ data })))
      })
      registry.put(made)
      if (given !== null && 'upload' in given) await uploads.forget(given)
      imports.wake()
      return made
    } catch (error) {
      await folders.remove(id)
      throw room.failed(error)
    }
  }

  async function checkQueue(): Promise<void> {
    const waiting = await prisma.datasetVersion.count({ where: { state: 'QUEUED' } })
    if (waiting < MOST_WAITING) return
    const message = `${waiting} data sets are waiting to be imported. Try again later.`
    throw new OverloadedError(message, RETRY_MS, waiting)
  }

  async function checkFree(tx: Prisma.TransactionClient, name: string): Promise<void> {
    const found = await tx.datasetVersion.findFirst({
      where: { datasetName: name, state: { in: ['QUEUED', 'IMPORTING', 'READY'] } },
      orderBy: { version: 'desc' },
    })
    if (found === null) return
    const { reference } = toOwnVersion(found)
    throw new ConflictError(
      `There is a data set ${name} already (${reference}). updateDataset makes its next version; or choose another name, or delete it first.`,
    )
  }

  async function create(input: CreateDatasetInput, remember: Remember<OwnVersion>): Promise<OwnVersion> {
    const { name, from, ownerId } = input
    const issues: Issue[] = []
    if (!DATASET_NAME.test(name)) issues.push({ path: ['name'], message: DATASET_NAME_RULE })
    else if (registry.isGiven(name)) {
      issues.push({
        path: ['name'],
        message: `${name} is a data set of this server itself. Choose another name.`,
      })
    }
    checkLabels(input, from, issues)
    if ('dataset' in from) {
      const parent = registry.require(from.dataset)
      const edits = readEdits(input.edits, parent.facts, issues)
      checkClasses(edits, parent.facts, issues)
      const how = readHow(input, { size: sizeOf(parent) }, issues)
      if (issues.length > 0) throw new ValidationError(issues)
      const reference = parent.facts.name
      const origin: AskedOrigin = { kind: 'dataset', reference, edits, added: null }
      return begin(name, ownerId, { from: origin, ...how }, null, false, remember)
    }
    if (hasEdits(input)) {
      issues.push({
        path: ['edits'],
        message: 'Edits are for what is made of another data set: from.dataset.',
      })
    }
    const how = readHow(input, { size: USUAL_SIZE }, issues)
    const origin = await givens.check(from, ['from'], issues)
    if (issues.length > 0) throw new ValidationError(issues)
    return begin(name, ownerId, { from: origin, ...how }, from, false, remember)
  }

  async function update(input: UpdateDatasetInput, remember: Remember<OwnVersion>): Promise<OwnVersion> {
    const { name: reference, add } = input
    const parent = registry.require(reference)
    const { own } = parent
    if (own === null) {
      throw new ConflictError(
        `${reference} is a data set of this server itself, and stays as it is. createDataset(from: { dataset: "${reference}" }) makes one of your own of it.`,
      )
    }
    const issues: Issue[] = []
    checkLabels(input, add, issues)
    const edits = readEdits(input.edits, parent.facts, issues)
    if (add === null) checkClasses(edits, parent.facts, issues)
    const how = readHow(input, { ...own.asked, size: sizeOf(parent) }, issues)
    const added = add === null ? null : await givens.check(add, ['add'], issues)
    const isSame = !isChanged(edits) && add === null && how.size.join() === sizeOf(parent).join()
    if (issues.length === 0 && isSame) {
      issues.push({
        path: [],
        message: 'Nothing of the data set would change. Say what: edits, add or size.',
      })
    }
    if (issues.length > 0) throw new ValidationError(issues)
    const from: AskedOrigin = { kind: 'dataset', reference: parent.facts.name, edits, added }
    return begin(own.name, own.ownerId, { from, ...how }, add, true, remember)
  }

  /** @param needed  the data set that it is made of, if any */
  async function ask(
    { idempotencyKey: key, ...input }: CreateDatasetInput | UpdateDatasetInput,
    needed: string | null,
    make: (remember: Remember<OwnVersion>) => Promise<OwnVersion>,
  ): Promise<OwnStore> {
    const given = 'add' in input ? input.add : input.from
    const { ownerId = LOCAL, ...asked } = input
    const request = key === undefined ? {} : { ...asked, add: null, from: await digestsOf(given) }
    const task = () => once({ ownerId, key }, request, make)
    const { reference } = await (needed === null ? task() : registry.using(needed, task))
    return registry.named(reference) as OwnStore
  }

  /** @throws NotFoundError */
  function ownOf(reference: string): OwnStore[] {
    const parsed = readReference(reference)
    const all = parsed === null ? [] : registry.versions(parsed.name)
    const found = all.filter(({ own }) => parsed!.version === null || own?.version === parsed!.version)
    if (found.length === 0) throw new NotFoundError(registry.whyNot(reference))
    return found.filter((store): store is OwnStore => store.own !== null)
  }

  async function remove(store: OwnStore): Promise<void> {
    const { id, reference } = store.own
    // First the row: what is half deleted is deleted.
    const row = await prisma.datasetVersion.update({
      where: { id },
      data: { state: 'DELETED', bytes: 0, findings: { deleteMany: {} } },
    })
    registry.put(toOwnVersion(row))
    await folders.removePrepared(reference)
    await folders.remove(id)
  }

  return {
    create: (input) =>
      ask(input, 'dataset' in input.from ? input.from.dataset : null, (remember) => create(input, remember)),
    update: (input) => ask(input, input.name, (remember) => update(input, remember)),
    addPictures: uploads.add,
    async retry(reference) {
      const store = ownOf(reference).find(({ own }) => mayBeTriedAgain(own))
      if (store === undefined) {
        throw new ConflictError(
          `${reference} has no import that can be tried again: only one that failed for want of room keeps what was sent.`,
        )
      }
      return registry.using(reference, async () => {
        await checkQueue()
        room.check()
        lowWater.check()
        const { id } = store.own
        const { count } = await prisma.datasetVersion.updateMany({
          where: { id, state: 'FAILED', mayRetry: true },
          data: {
            state: 'QUEUED',
            mayRetry: false,
            error: null,
            attempts: 0,
            startedAt: null,
            finishedAt: null,
          },
        })
        if (count === 0)
          throw new ConflictError(`${store.own.reference} was tried again or given up already.`)
        registry.put(toOwnVersion(await prisma.datasetVersion.findUniqueOrThrow({ where: { id } })))
        imports.wake()
        return store
      })
    },
    async cancel(reference) {
      const stores = ownOf(reference)
      const store = stores.find(({ own }) => isPending(own)) ?? stores.find(({ own }) => mayBeTriedAgain(own))
      if (store === undefined) {
        throw new ConflictError(`${reference} is not being imported; there is nothing to cancel.`)
      }
      await imports.cancel(store.own.id)
      if (store.own.state === 'CANCELLED') return store
      throw new ConflictError(
        `The import of ${store.own.reference} was over already: it is ${store.own.state}.`,
      )
    },
    async delete(reference) {
      const parsed = readReference(reference)
      return registry.alone(parsed?.name ?? reference, async () => {
        const stores = ownOf(reference)
        if (stores.length === 0) {
          throw new ConflictError(
            `${reference} is a data set of this server itself; only those that people made can be deleted.`,
          )
        }
        const references = stores.map(({ own }) => own.reference)
        const needs = [
          ...(await options.runsThatNeed(references)),
          ...[...registry.own()]
            .filter(({ own }) => isPending(own) && references.includes(parentOf(own) ?? ''))
            .filter(({ own }) => !references.includes(own.reference))
            .map(({ own }) => `the import of ${own.reference}`),
        ]
        if (needs.length > 0) {
          const one = references.length === 1 ? references[0] : reference
          throw new ConflictError(
            `${one} is needed by ${needs.join(', ')}. It can be deleted when these have ended, or are deleted.`,
          )
        }
        for (const store of stores) {
          if (isPending(store.own)) await imports.cancel(store.own.id)
        }
        for (const store of stores) await remove(store)
        return stores[0]!
      })
    },
    findings: {
      list: async (query) => (await prisma.datasetFinding.findMany(query)).map(toOwnFinding),
      count: (where) => prisma.datasetFinding.count({ where }),
    },
    ownerOf(reference) {
      const parsed = readReference(reference)
      const own = parsed && registry.versions(parsed.name).find((store) => store.own !== null)?.own
      return own == null ? null : { ownerId: own.ownerId, what: `The data set ${own.name}` }
    },
    ahead(version) {
      if (!isPending(version)) return null
      return [...registry.own()].filter(({ own }) => isPending(own) && own.seq < version.seq).length
    },
  }
}

function hasEdits({ edits }: CreateDatasetInput): boolean {
  return edits.classes.length + edits.relabel.length + edits.exclude.length > 0 || edits.mostOfClass !== null
}

function sizeOf({ facts }: DatasetStore): [number, number] {
  const [height, width] = facts.imageShape
  return [height, width]
}
