import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { PrismaClient } from '../../db/generated/client.ts'
import { StoppingError, StorageFullError } from '../../errors.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { runJob } from '../../process/job.ts'
import { GOES_ON, makingRoom, type Room } from '../../storage/room.ts'
import { datasetFile } from '../dataset.ts'
import type { DatasetRegistry } from '../datasets.ts'
import { DatasetUnavailableError } from '../errors.ts'
import type {
  Finding,
  FromImporter,
  ImportJob,
  ImportOrigin,
  Place,
  ToImporter,
} from '../importing/protocol.ts'
import type { AskedOrigin, GivenOrigin } from './asked.ts'
import { ARCHIVE, type ImportFolders } from './files.ts'
import { inFolder } from './given-folder.ts'
import { readPictures } from './pictures.ts'
import { keepsGiven, type OwnVersion, toOwnVersion } from './version.ts'

/** One whose server was killed at it so often is what kills it. */
const MOST_ATTEMPTS = 3
/** A picture takes a second or two at most; an archive's bytes come steadily. */
const SILENCE_MS = 5 * 60_000
/** After which a database that failed is asked again. */
const RETRY_MS = 5000

/** Imports versions one after the other, in the order in which they were asked for. */
export interface Imports {
  /** There is another one to import. */
  wake(): void
  /** Ends the import of a version, takes it out of the queue, or gives up one that may be tried again; resolves when nothing of it is left. */
  cancel(versionId: string): Promise<void>
  /** Puts in order what a killed server left, before `wake`. */
  recover(): Promise<void>
  /** Ends what is at work, for the next start to begin again. */
  close(): Promise<void>
}

/** Why an import is ended. */
class CancelledError extends Error {
  override readonly name = 'CancelledError'
}

export function createImports(options: {
  prisma: PrismaClient
  registry: DatasetRegistry
  folders: ImportFolders
  /** DATASETS_DIR. */
  given: string | null
  maxBytes: number
  room: Room
  logger: Pick<Logger, 'info' | 'warn' | 'error'>
  telemetry: Telemetry
  /** The compiled import-process.js, where this file itself is not compiled. */
  entry?: URL
}): Imports {
  const { prisma, registry, folders, room, logger } = options
  const entry = options.entry ?? new URL('../importing/import-process.js', import.meta.url)
  const closing = new AbortController()
  let atWork: { id: string; cancel: AbortController; over: Promise<void> } | null = null
  let pumping: Promise<void> | null = null
  let isAwake = false

  async function pump(): Promise<void> {
    while (isAwake && !closing.signal.aborted) {
      isAwake = false
      for (;;) {
        const row = await prisma.datasetVersion.findFirst({
          where: { state: { in: ['QUEUED', 'IMPORTING'] } },
          orderBy: { seq: 'asc' },
        })
        if (row === null || closing.signal.aborted) break
        const cancel = new AbortController()
        const over = work(toOwnVersion(row), AbortSignal.any([cancel.signal, closing.signal]))
        atWork = { id: row.id, cancel, over }
        try {
          await over
        } finally {
          atWork = null
        }
      }
    }
  }

  /** Imports a version; its row says what came of it. */
  async function work(version: OwnVersion, signal: AbortSignal): Promise<void> {
    const { id, reference } = version
    try {
      if (version.attempts >= MOST_ATTEMPTS) throw new ImportFailure(INTERRUPTED)
      await write(id, { state: 'IMPORTING', attempts: { increment: 1 }, startedAt: new Date() })
      await prisma.datasetFinding.deleteMany({ where: { versionId: id } })
      logger.info({ dataset: reference }, 'importing a data set')
      await importVersion(version, signal)
      logger.info({ dataset: reference }, 'the data set is ready')
    } catch (error) {
      if (closing.signal.aborted) {
        // Not its fault: it begins again with the next start.
        await prisma.datasetVersion
          .updateMany({ where: { id, attempts: { gt: 0 } }, data: { attempts: { decrement: 1 } } })
          .catch(() => {})
        return
      }
      // What it left on the way may be what fills the disk.
      await folders.removeWork(id)
      await rm(datasetFile(registry.folder, reference), { force: true })
      if (error instanceof CancelledError) await end(version, 'CANCELLED', null)
      else {
        const reason = room.failed(error)
        await end(version, 'FAILED', reasonOf(reason), reason instanceof StorageFullError)
        if (reason instanceof StorageFullError) return
      }
    }
    await folders.remove(id)
  }

  function reasonOf(error: unknown): string {
    if (
      !(
        error instanceof ImportFailure ||
        error instanceof StorageFullError ||
        error instanceof DatasetUnavailableError
      )
    ) {
      logger.error({ err: error }, 'an import failed')
    }
    if (error instanceof StorageFullError) return `${error.message.replace(` ${GOES_ON}`, '')} ${MAY_RETRY}`
    return error instanceof Error ? error.message : String(error)
  }

  async function importVersion(version: OwnVersion, signal: AbortSignal): Promise<void> {
    const { id, reference, asked } = version
    const file = datasetFile(registry.folder, reference)
    room.check()
    const given = folders.given(id)
    const job: ImportJob = {
      name: reference,
      from: await originOf(asked.from, given, signal),
      size: asked.size,
      resize: asked.resize,
      split: asked.split,
      labels: asked.labels,
      maxBytes: options.maxBytes,
      file,
      scratch: await folders.work(id),
    }
    const full = new AbortController()
    let count = 0
    let noting: Promise<unknown> = Promise.resolve()
    const note = (findings: Finding[]) => {
      const data = findings.map(({ place, otherPlace, ...finding }) => ({
        ...{ ...finding, versionId: id, number: ++count },
        ...{ place: jsonOf(place), otherPlace: jsonOf(otherPlace) },
      }))
      noting = noting.then(() => prisma.datasetFinding.createMany({ data }))
      noting.catch(() => {})
    }
    const answer = await runJob<ToImporter, FromImporter, 'progress' | 'findings'>(
      {
        name: 'import',
        entry,
        task: job,
        what: 'imported the data set',
        onOutput: (line) => logger.info({ dataset: reference }, line),
        silenceMs: SILENCE_MS,
        telemetry: options.telemetry,
      },
      {
        progress({ phase, done, total }) {
          registry.advance(reference, { phase, done, total })
          // Not to the last byte: others need some.
          const why = room.problem()
          if (why !== null) full.abort(new StorageFullError(why))
        },
        findings: ({ findings }) => note(findings),
      },
      AbortSignal.any([signal, full.signal]),
    )
    await noting
    if (answer.type === 'failed') {
      const { reason, code } = answer
      throw room.failed(Object.assign(new ImportFailure(reason), { code }))
    }
    const { name: _, ...facts } = answer.facts
    const { size } = await stat(file)
    await write(id, {
      state: 'READY',
      facts: facts as object,
      digest: answer.digest,
      summary: answer.summary as object,
      bytes: size,
      finishedAt: new Date(),
    })
  }

  async function originOf(from: AskedOrigin, given: string, signal: AbortSignal): Promise<ImportOrigin> {
    if (from.kind !== 'dataset') return givenOrigin(from, given)
    const { reference, edits, added } = from
    const parent = registry.require(reference)
    const { file, digest } = await parent.prepare(signal)
    const more = added === null ? null : await givenOrigin(added, given)
    return { kind: 'dataset', file, digest, facts: parent.facts, edits, added: more }
  }

  async function givenOrigin(from: GivenOrigin, given: string): Promise<ImportOrigin> {
    switch (from.kind) {
      case 'archive':
        return { kind: 'archive', path: join(given, ARCHIVE), name: from.name }
      case 'folder': {
        const found = await inFolder(options.given, from.folder)
        if ('wrong' in found) throw new ImportFailure(found.wrong)
        return { kind: 'folder', path: found.path }
      }
      case 'pictures': {
        const pictures = await readPictures(given)
        return {
          kind: 'pictures',
          pictures: pictures.map(({ name, label, split, file }) => ({
            name,
            label,
            split,
            path: join(given, file),
          })),
        }
      }
    }
  }

  async function write(
    id: string,
    data: Parameters<PrismaClient['datasetVersion']['update']>[0]['data'],
  ): Promise<void> {
    registry.put(toOwnVersion(await prisma.datasetVersion.update({ where: { id }, data })))
  }

  async function end(
    version: OwnVersion,
    state: 'FAILED' | 'CANCELLED',
    error: string | null,
    mayRetry = false,
  ) {
    // A few bytes, of what is always left free.
    await makingRoom(() => write(version.id, { state, error, mayRetry, finishedAt: new Date() }))
    logger.info({ dataset: version.reference, error }, 'the import of a data set ended without it')
  }

  function wake(): void {
    isAwake = true
    pumping ??= pump()
      .catch((error: unknown) => {
        logger.error({ err: error }, 'the imports of data sets stopped, and go on soon')
        setTimeout(wake, RETRY_MS).unref()
      })
      .finally(() => {
        pumping = null
        // Somebody may have come when the last look was over.
        if (isAwake && !closing.signal.aborted) wake()
      })
  }

  return {
    wake,
    async cancel(id) {
      if (atWork?.id === id) {
        const { cancel, over } = atWork
        cancel.abort(new CancelledError('It was cancelled.'))
        await over
        return
      }
      const mayEnd = { OR: [{ state: 'QUEUED' as const }, { state: 'FAILED' as const, mayRetry: true }] }
      const row = await prisma.datasetVersion.findUnique({ where: { id, ...mayEnd } })
      if (row === null) return
      await end(toOwnVersion(row), 'CANCELLED', null)
      await folders.remove(id)
    },
    async recover() {
      const own = [...registry.own()].map((store) => store.own)
      const wanted = own.filter(keepsGiven).map(({ id }) => id)
      const ready = own.filter(({ state }) => state === 'READY').map(({ reference }) => reference)
      await folders.sweep(new Set(wanted), new Set(ready))
    },
    async close() {
      closing.abort(new StoppingError())
      await pumping
    },
  }
}

/** A column that is null where there is nothing. */
function jsonOf(place: Place | null) {
  return place === null ? undefined : { ...place }
}

/** What whoever sent it can mend. */
class ImportFailure extends Error {
  override readonly name = 'ImportFailure'
}

const MAY_RETRY =
  'What was sent is kept: retryDatasetImport tries it again when there is room, cancelDatasetImport or deleteDataset frees it.'

const INTERRUPTED = `The server was killed ${MOST_ATTEMPTS} times while it imported this. Its log may say why; send less at once, or at a smaller size.`
