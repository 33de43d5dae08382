import type { DatasetFacts } from './dataset-facts.ts'
import type { ImageSource } from './image-source.ts'

export interface FetchJob {
  facts: DatasetFacts
  source: ImageSource
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
