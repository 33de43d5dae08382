import type { BatchOptions, ImageBatch } from './batches.ts'
import type { Split } from './dataset-facts.ts'

export interface BatchThreadData {
  file: string
  digest: string
  /** Bytes of the file that stay in memory once they are read. */
  kept: number
}

export type ToBatchThread =
  /** The batches to come are of this epoch; of the one before none is wanted any more. */
  | { type: 'epoch'; epoch: number; split: Split; options: BatchOptions }
  /** Asks for the next batch of an epoch. `buffer`: of one that was used. */
  | { type: 'next'; epoch: number; buffer?: ArrayBuffer }

/** An answer to each `next` of an epoch that is wanted, in their order. */
export type FromBatchThread = {
  epoch: number
} /** `batch`: but for its x, which is the beginning of `buffer`. */ & (
  | { type: 'batch'; buffer: ArrayBuffer; batch: Omit<ImageBatch, 'x'> }
  | { type: 'end' }
  | { type: 'failed'; error: Error; damaged: boolean }
)
