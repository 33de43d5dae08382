import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { lastWords, startChild } from '../process/child.ts'
import type { DatasetFacts } from './dataset-facts.ts'
import { type DatasetHeader, readHeader, verifyContent } from './dataset-file.ts'
import { emptyFolder } from './empty-folder.ts'
import { DamagedDatasetError, DatasetUnavailableError } from './errors.ts'
import type { FetchJob, FromFetcher, ToFetcher } from './fetch-protocol.ts'
import type { ImageSource } from './image-source.ts'

export const DATASET_STATES = ['MISSING', 'FETCHING', 'READY', 'FAILED'] as const

export interface DatasetStatus {
  state: (typeof DATASET_STATES)[number]
  /** 0 to 1. */
  progress: number
  /** See DatasetHeader; null unless READY. */
  digest: string | null
  source: string | null
  /** Why the last fetch FAILED, and what to do. */
  error: string | null
}

export interface Log {
  info(context: object, message: string): void
  warn(context: object, message: string): void
}

/** Takes a data set's file from MISSING to READY, as often as it is needed. */
export interface Preparation {
  status(): DatasetStatus
  /** Resolves when the file is there and verified. Callers share the work; it goes on when one of them gives up. */
  ready(signal?: AbortSignal): Promise<void>
  close(): Promise<void>
}

export function createPreparation(options: {
  facts: DatasetFacts
  file: string
  /** A folder that belongs to the preparation; whatever an interrupted fetch left there is removed. */
  scratch: string
  sources: readonly ImageSource[]
  log?: Log
  /** The compiled fetch-process.js, where this file itself is not compiled. */
  entry?: URL
}): Preparation {
  const { facts, file, scratch, sources, log } = options
  const entry = options.entry ?? new URL('./fetch-process.js', import.meta.url)
  let header = presentHeader()
  /** The content is read through once in a server's life, and not again. */
  let verified = false
  let fetching: { source: string; progress: number } | null = null
  let failure: string | null = null
  let work: Promise<void> | null = null
  const closing = new AbortController()

  function presentHeader(): DatasetHeader | null {
    try {
      return existsSync(file) ? readHeader(file) : null
    } catch (error) {
      if (error instanceof DamagedDatasetError) {
        log?.warn({ file }, error.message)
        return null
      }
      throw error
    }
  }

  async function prepare(): Promise<void> {
    verified = false
    header = presentHeader()
    if (header !== null) {
      try {
        await verifyContent(file, header)
        verified = true
        return
      } catch (error) {
        if (!(error instanceof DamagedDatasetError)) throw error
        log?.warn({ file }, error.message)
        header = null
      }
    }
    const failures: string[] = []
    for (const source of sources) {
      try {
        await fetchFrom(source)
        return
      } catch (error) {
        closing.signal.throwIfAborted()
        const message = error instanceof Error ? error.message : String(error)
        failures.push(`${source.name}: ${message}`)
        log?.warn({ source: source.name, reason: message }, 'a source of the data set failed')
      }
    }
    const remedies = [...new Set(sources.map((source) => source.remedy))]
    failure = `The data set ${facts.name} cannot be had (${failures.join('; ')}). To go on, ${remedies.join(', or ')}.`
    throw new DatasetUnavailableError(failure)
  }

  async function fetchFrom(source: ImageSource): Promise<void> {
    const state = { source: source.name, progress: 0 }
    fetching = state
    failure = null
    try {
      log?.info({ dataset: facts.name, source: source.name }, 'fetching the data set')
      await mkdir(dirname(file), { recursive: true })
      await emptyFolder(scratch)
      await runFetcher({ facts, source, file, scratch }, (progress) => {
        state.progress = progress
      })
      header = readHeader(file)
      // Its digest was computed from what is on the disk, a moment ago.
      verified = true
      log?.info({ dataset: facts.name, digest: header.digest }, 'the data set is ready')
    } finally {
      fetching = null
      await rm(scratch, { recursive: true, force: true })
    }
  }

  async function runFetcher(job: FetchJob, onProgress: (progress: number) => void): Promise<void> {
    closing.signal.throwIfAborted()
    let outcome: Extract<FromFetcher, { type: 'done' | 'failed' }> | undefined
    const child = startChild<ToFetcher, FromFetcher>({
      entry,
      onMessage(message) {
        if (message.type === 'progress') onProgress(message.progress)
        else outcome = message
      },
      onOutput: (line) => log?.info({ dataset: facts.name }, line),
    })
    const end = () => child.kill('SIGKILL')
    closing.signal.addEventListener('abort', end, { once: true })
    child.send(job)
    const exit = await child.exited
    closing.signal.removeEventListener('abort', end)
    closing.signal.throwIfAborted()
    if (outcome?.type === 'failed') throw new Error(outcome.reason)
    if (outcome === undefined) {
      const said = lastWords(exit)
      throw new Error(
        `the process that fetched it ended (${exit.signal ?? exit.code})${said ? `: ${said}` : ''}`,
      )
    }
  }

  return {
    status() {
      if (fetching !== null) {
        return { state: 'FETCHING', ...fetching, digest: null, error: null }
      }
      if (header !== null) {
        return { state: 'READY', progress: 1, digest: header.digest, source: header.source, error: null }
      }
      return {
        state: failure === null ? 'MISSING' : 'FAILED',
        progress: 0,
        digest: null,
        source: null,
        error: failure,
      }
    },
    async ready(signal) {
      closing.signal.throwIfAborted()
      if (verified && existsSync(file)) return
      if (work === null) {
        work = prepare().finally(() => {
          work = null
        })
        // All who wait may have given up by the time it fails.
        work.catch(() => {})
      }
      await unlessAborted(work, signal)
    },
    async close() {
      closing.abort(new DatasetUnavailableError('The server is stopping.'))
      await work?.catch(() => {})
    },
  }
}

/** Waits for the work, or rejects with the signal's reason as soon as it is aborted. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return work
  signal.throwIfAborted()
  let giveUp: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    giveUp = () => reject(signal.reason)
    signal.addEventListener('abort', giveUp, { once: true })
  })
  try {
    await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', giveUp!)
  }
}
