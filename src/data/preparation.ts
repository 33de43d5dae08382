import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import { StorageFullError } from '../errors.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import { runJob } from '../process/job.ts'
import { makeFolderDurably } from '../storage/durable.ts'
import { watchRoom } from '../storage/room.ts'
import type { DatasetFacts } from './dataset-facts.ts'
import {
  contentBytes,
  type DatasetHeader,
  fileIdentity,
  readHeader,
  withDatasetFile,
} from './dataset-file.ts'
import { emptyFolder } from './empty-folder.ts'
import { DamagedDatasetError, DatasetUnavailableError, damagedDataset, ONLY_COPY } from './errors.ts'
import type { FetchJob, FetchProgress, FromFetcher, ToFetcher } from './fetch-protocol.ts'
import type { DatasetOrigin } from './source.ts'

export const DATASET_STATES = [
  'MISSING',
  'FETCHING',
  'IMPORTING',
  'READY',
  'FAILED',
  'CANCELLED',
  'DELETED',
] as const

export interface DatasetStatus {
  state: (typeof DATASET_STATES)[number]
  /** 0 to 1. */
  progress: number
  /** Null unless FETCHING. */
  fetch: FetchProgress | null
  /** See DatasetHeader; null unless READY. */
  digest: string | null
  source: string | null
  /** Why the last fetch FAILED, or what is wrong with the file that is there, and what to do. */
  error: string | null
}

/** A prepared data set's file as a reader takes it: the digest says which images the file is to hold. */
export interface PreparedFile {
  file: string
  /** See DatasetHeader. */
  digest: string
}

/** Takes a data set's file from MISSING to READY, as often as it is needed. */
export interface Preparation {
  /** As it was when the file was last looked at. */
  status(): DatasetStatus
  /** Looks at the file: verifies all of it if it is not the one, unaltered, that was verified last. */
  look(): Promise<void>
  /** Resolves when the file is there and verified. Callers share the work; it goes on when one of them gives up. */
  ready(signal?: AbortSignal): Promise<PreparedFile>
  /** A reader found the file damaged: the next look is a thorough one. */
  distrust(): void
  close(): Promise<void>
}

export function createPreparation(options: {
  facts: DatasetFacts
  /** See DatasetSources: the fetch process finds the data set's source in it. */
  modules: readonly string[]
  file: string
  /** A folder that belongs to the preparation; whatever an interrupted fetch left there is removed. */
  scratch: string
  /** Tried in this order. */
  origins: readonly DatasetOrigin[]
  logger?: Pick<Logger, 'info' | 'warn'>
  telemetry?: Telemetry
  /** Called when the status is another one. */
  onChange?(): void
  /** The compiled fetch-process.js, where this file itself is not compiled. */
  entry?: URL
}): Preparation {
  const { facts, file, scratch, origins, logger } = options
  const entry = options.entry ?? new URL('./fetch-process.js', import.meta.url)
  let header: DatasetHeader | null = null
  /** What is wrong with the file that is there. */
  let damage: string | null = null
  /** Identity of the file that `header` and `damage` are of; undefined before it was read through. */
  let seen: string | null | undefined
  let looking: Promise<void> | null = null
  /** From the first source that is tried to the last. */
  let fetching: ({ source: string } & FetchProgress) | null = null
  let failure: string | null = null
  let work: Promise<PreparedFile> | null = null
  const closing = new AbortController()
  const room = watchRoom(dirname(file))
  // At once, and so only as well as the header alone can tell.
  if (fileIdentity(file) !== null) {
    try {
      header = checked(readHeader(file))
    } catch (error) {
      noteDamage(error)
    }
  }
  /** What `onChange` was last called for. */
  let told = status()

  function checked(read: DatasetHeader): DatasetHeader {
    const differs = (['name', 'count', 'imageShape'] as const).find(
      (key) => !isDeepStrictEqual(read[key], facts[key]),
    )
    if (differs === undefined) return read
    throw damagedDataset(file, `its header has another ${differs} than ${facts.name}`)
  }

  function noteDamage(error: unknown): void {
    if (!(error instanceof DamagedDatasetError)) throw error
    header = null
    damage = error.message
    logger?.warn({ file }, damage)
  }

  function look(): Promise<void> {
    looking ??= examine().finally(() => {
      looking = null
    })
    return looking
  }

  async function examine(): Promise<void> {
    const identity = fileIdentity(file)
    if (identity === seen) return
    // Before it is read: whoever distrusts it meanwhile has the last word.
    seen = identity
    try {
      header = identity === null ? null : await verified()
      damage = null
      if (header !== null) failure = null
    } catch (error) {
      noteDamage(error)
    }
    changed()
  }

  const verified = () =>
    withDatasetFile(file, undefined, async ({ header: read, verify }) => {
      await verify()
      return checked(read)
    })

  async function prepare(): Promise<PreparedFile> {
    await look()
    if (header !== null) return { file, digest: header.digest }
    return fetch().finally(() => {
      fetching = null
    })
  }

  async function fetch(): Promise<PreparedFile> {
    const failures: string[] = []
    for (const origin of origins) {
      try {
        return await fetchFrom(origin)
      } catch (error) {
        closing.signal.throwIfAborted()
        // No source can help; whoever needs the data set next tries again.
        const full = room.failed(error)
        if (full instanceof StorageFullError) {
          failure = full.message
          throw full
        }
        const message = error instanceof Error ? error.message : String(error)
        failures.push(`${origin.name}: ${message}`)
        logger?.warn({ source: origin.name, reason: message }, 'a source of the data set failed')
      }
    }
    if (origins.length === 0) {
      failure =
        damage ?? `The data set ${facts.name} cannot be used: its file ${file} is missing. ${ONLY_COPY}`
      throw new DatasetUnavailableError(failure)
    }
    const remedies = [...new Set(origins.map((origin) => origin.remedy))]
    failure = `${damage === null ? '' : `${damage} `}The data set ${facts.name} cannot be had (${failures.join('; ')}). To go on, ${remedies.join(', or ')}.`
    throw new DatasetUnavailableError(failure)
  }

  async function fetchFrom(origin: DatasetOrigin): Promise<PreparedFile> {
    const began: FetchProgress =
      'folder' in origin.from
        ? { phase: 'CONVERTING', bytes: 0, totalBytes: contentBytes(facts) }
        : { phase: 'DOWNLOADING', bytes: 0, totalBytes: origin.from.bytes }
    fetching = { source: origin.name, ...began }
    failure = null
    changed()
    try {
      logger?.info({ dataset: facts.name, source: origin.name }, 'fetching the data set')
      await makeFolderDurably(dirname(file))
      room.check()
      await emptyFolder(scratch)
      await runFetcher(
        { dataset: facts.name, modules: options.modules, origin, file, scratch },
        (progress) => {
          fetching = { source: origin.name, ...progress }
          changed()
        },
      )
      // Its checksums were computed from what is on the disk, a moment ago.
      seen = fileIdentity(file)
      header = readHeader(file)
      damage = null
      logger?.info({ dataset: facts.name, digest: header.digest }, 'the data set is ready')
      return { file, digest: header.digest }
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  }

  async function runFetcher(task: FetchJob, onProgress: (progress: FetchProgress) => void): Promise<void> {
    const answer = await runJob<ToFetcher, FromFetcher, 'progress'>(
      {
        name: 'dataset',
        entry,
        task,
        what: 'fetched it',
        onOutput: (line) => logger?.info({ dataset: facts.name }, line),
        telemetry: options.telemetry,
      },
      { progress: ({ phase, bytes, totalBytes }) => onProgress({ phase, bytes, totalBytes }) },
      closing.signal,
    )
    if (answer.type === 'done') return
    const { reason, code } = answer
    throw Object.assign(new Error(reason), { code })
  }

  function status(): DatasetStatus {
    if (fetching !== null) {
      const { source, ...fetch } = fetching
      return { state: 'FETCHING', progress: progressOf(fetch), fetch, digest: null, source, error: null }
    }
    if (header !== null) {
      const { digest, source } = header
      return { state: 'READY', progress: 1, fetch: null, digest, source, error: null }
    }
    return {
      state: failure === null ? 'MISSING' : 'FAILED',
      progress: 0,
      fetch: null,
      digest: null,
      source: null,
      error: failure ?? damage,
    }
  }

  /** Of what a look finds nothing may be new. */
  function changed(): void {
    const now = status()
    if (isDeepStrictEqual(now, told)) return
    told = now
    options.onChange?.()
  }

  return {
    status,
    look,
    async ready(signal) {
      closing.signal.throwIfAborted()
      if (work === null) {
        work = prepare().finally(() => {
          work = null
          changed()
        })
        // All who wait may have given up by the time it fails.
        work.catch(() => {})
      }
      return unlessAborted(work, signal)
    },
    distrust() {
      seen = undefined
    },
    async close() {
      closing.abort(new DatasetUnavailableError('The server is stopping.'))
      await Promise.allSettled([work, looking])
    },
  }
}

/** How much of the progress is downloading; the rest is converting. */
const DOWNLOADING = 0.8

function progressOf({ phase, bytes, totalBytes }: FetchProgress): number {
  const part = bytes / totalBytes
  return phase === 'DOWNLOADING' ? DOWNLOADING * part : DOWNLOADING + (1 - DOWNLOADING) * part
}

/** Waits for the work, or rejects with the signal's reason as soon as it is aborted. */
async function unlessAborted<Result>(
  work: Promise<Result>,
  signal: AbortSignal | undefined,
): Promise<Result> {
  if (signal === undefined) return work
  signal.throwIfAborted()
  let giveUp: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    giveUp = () => reject(signal.reason)
    signal.addEventListener('abort', giveUp, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', giveUp!)
  }
}
