import type { EngineName } from '../../engine/report.ts'

/** What every trial trains, and in batches of how many images. */
export const TRIAL_NETWORK = 'vgg_mini'
export const TRIAL_WORKLOAD = { batchSize: 128 }

/** All that the server says to a trial process. */
export interface TrialJob {
  engine: EngineName
  batchSize: number
  /** Steps before the clock runs: compiled programs and buffers are made in the first ones. */
  warmUpSteps: number
  /** Steps are timed until this time is over, and there are at least `leastSteps` of them. */
  milliseconds: number
  leastSteps: number
}

/** The one answer of a trial process. */
export type FromTrial =
  | { type: 'measured'; imagesPerSecond: number }
  /** The engine is not there, which is no fault of it. */
  | { type: 'absent'; reason: string }
  | { type: 'failed'; reason: string }
