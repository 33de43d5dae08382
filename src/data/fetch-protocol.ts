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

/** What a fetch process says: how far it is, 0 to 1, as often as that changes by a percent, then how it ended. */
export type FromFetcher =
  | { type: 'progress'; progress: number }
  | { type: 'done' }
  /** `reason`: half a sentence; `code`: what the system answered (ENOSPC). */
  | { type: 'failed'; reason: string; code?: string }
