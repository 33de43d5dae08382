import type { DatasetOrigin } from './source.ts'

export interface FetchJob {
  /** Name of the data set. */
  dataset: string
  /** See DatasetSources. */
  modules: readonly string[]
  origin: DatasetOrigin
  /** The file to make. */
  file: string
  /** A folder on the same disk for what is unfinished. */
  scratch: string
}

/** The job is all that the server says to a fetch process. */
export type ToFetcher = FetchJob

export const FETCH_PHASES = ['DOWNLOADING', 'CONVERTING'] as const

/** How far a fetch is. */
export interface FetchProgress {
  phase: (typeof FETCH_PHASES)[number]
  /** What is downloaded, or of the prepared images what is written: so many bytes of so many. */
  bytes: number
  totalBytes: number
}

/** What a fetch process says: how far it is, as often as a person would look, then how it ended. */
export type FromFetcher =
  | ({ type: 'progress' } & FetchProgress)
  | { type: 'done' }
  /** `reason`: half a sentence; `code`: what the system answered (ENOSPC). */
  | { type: 'failed'; reason: string; code?: string }
