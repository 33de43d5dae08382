import type { Logger } from 'pino'
import type { Telemetry } from '../../ports/telemetry.ts'
import { createDatasetStore, type DatasetStore } from '../dataset.ts'
import { DatasetUnavailableError } from '../errors.ts'
import type { ImportProgress } from '../importing/protocol.ts'
import type { DatasetStatus } from '../preparation.ts'
import { originInWords } from './asked.ts'
import type { ImportedVersion, OwnVersion } from './version.ts'

/** The store of a version of a person's own data set, in whatever state it is. */
export interface OwnStore extends DatasetStore {
  readonly own: ImportedVersion
  /** It is as its row has it now. */
  renew(version: OwnVersion): void
  /** Its import is so far. */
  advance(progress: ImportProgress): void
}

export function createOwnStore(
  version: OwnVersion,
  options: {
    /** The server's folder of data sets. */
    folder: string
    logger: Pick<Logger, 'info' | 'warn'>
    telemetry: Telemetry
    onChange(): void
  },
): OwnStore {
  let own: ImportedVersion = { ...version, progress: null }
  let file = open()

  /** There is no place that it can be fetched from. */
  function open(): DatasetStore {
    return createDatasetStore({ ...options, source: { facts: own.facts, origins: () => [] } })
  }

  const status = (ready: DatasetStatus): DatasetStatus => {
    // The file names what it was made of as the import saw it: a path on this machine.
    if (own.state === 'READY') return { ...ready, source: ready.source && originInWords(own.asked.from) }
    const state = own.state === 'QUEUED' ? 'IMPORTING' : own.state
    return {
      state,
      progress: progressOf(own),
      fetch: null,
      digest: null,
      source: null,
      error: whyNotReady(own),
    }
  }
  const checkReady = () => {
    const why = whyNotReady(own)
    if (why !== null) throw new DatasetUnavailableError(why)
  }

  return {
    get own() {
      return own
    },
    get facts() {
      return own.facts
    },
    state: () => status(file.state()),
    present: async () => status(await (own.state === 'READY' ? file.present() : file.state())),
    async prepare(signal) {
      checkReady()
      return file.prepare(signal)
    },
    async using(task, signal) {
      checkReady()
      return file.using(task, signal)
    },
    distrust: () => file.distrust(),
    async readImages(split, indexes) {
      checkReady()
      return file.readImages(split, indexes)
    },
    async imagePng(split, index, scale) {
      checkReady()
      return file.imagePng(split, index, scale)
    },
    async labels(split) {
      checkReady()
      return file.labels(split)
    },
    async classCounts(split) {
      checkReady()
      return file.classCounts(split)
    },
    samples: (split, count, seed) => file.samples(split, count, seed),
    downloadBytes: null,
    close: () => file.close(),
    renew(now) {
      const wasReady = own.state === 'READY'
      own = { ...now, progress: null }
      // What it holds is known only now.
      if (own.state === 'READY' && !wasReady) file = open()
      options.onChange()
    },
    advance(progress) {
      own = { ...own, progress }
      options.onChange()
    },
  }
}

/** In one sentence or two, with what to do; null for one that is READY. */
export function whyNotReady({
  reference,
  name,
  state,
  error,
}: Pick<OwnVersion, 'reference' | 'name' | 'state' | 'error'>): string | null {
  switch (state) {
    case 'READY':
      return null
    case 'QUEUED':
    case 'IMPORTING':
      return `The data set ${reference} is still being imported. Wait until it is READY.`
    case 'FAILED':
      return `The data set ${reference} was not imported: ${error ?? 'it is not known why.'}`
    case 'CANCELLED':
      return `The import of ${reference} was cancelled. Create the data set again.`
    case 'DELETED':
      return `The data set ${reference} was deleted. Use another version of ${name}, or another data set.`
  }
}

/** How much of an import each phase usually is. */
const SHARES = { UNPACKING: [0, 0.1], READING: [0.1, 0.9], WRITING: [0.9, 1] } as const

/** Of an import, 0 to 1. */
export function progressOf({ state, progress }: Pick<ImportedVersion, 'state' | 'progress'>): number {
  if (progress === null) return state === 'READY' ? 1 : 0
  const { phase, done, total } = progress
  const [from, to] = SHARES[phase]
  return from + (to - from) * (total === null || total === 0 ? 0 : Math.min(1, done / total))
}
