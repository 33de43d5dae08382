import type { EngineRequest } from '../engine/ranking.ts'
import type { EngineReport } from '../engine/report.ts'
import type { EvaluationResult } from '../models/evaluation-result.ts'
import type { TrainerLauncher } from '../ports/trainer-launcher.ts'
import type { Change, ChangedValues } from '../runs/model/changes.ts'
import type { SavedCheckpoint } from '../runs/model/checkpoint.ts'
import type { RunFailure } from '../runs/model/failure.ts'
import type { Hyperparameters } from '../runs/model/hyperparameters.ts'
import type { MeasuredEpoch, MeasuredPoint } from '../runs/model/measurements.ts'
import type { PhaseSeconds } from '../runs/model/phases.ts'
import type { PinnedPicture, PinnedResult } from '../runs/model/pinned.ts'
import type { Architecture } from '../zoo/architecture.ts'
import type { TransferOptions } from './session.ts'

export type { EvaluationResult } from '../models/evaluation-result.ts'

/** Keys begin so of what a trainer keeps of frozen layers beside the weights of its job (ArtifactStore.derive). */
export const FROZEN_PREFIX = 'frozen-'

/** What starts trainers that speak so. */
export type Trainers = TrainerLauncher<ToTrainer, FromTrainer>

/** What the server says to a trainer. All messages are plain data; they cross processes. */
export type ToTrainer =
  | { type: 'train'; job: TrainingJob }
  | { type: 'update'; id: number; values: ChangedValues }
  | { type: 'stop'; how: StopKind }
  /** The server cannot record what it is told: train no further until it can, or a stop comes. */
  | { type: 'hold' }
  | { type: 'goOn' }

/** CANCEL stops at once; PAUSE saves a checkpoint first. */
export type StopKind = 'CANCEL' | 'PAUSE'

export interface TrainingJob {
  architecture: Architecture
  hyperparameters: Hyperparameters
  /** What was changed on the way, in the attempts before. */
  changes: Change[]
  seed: number
  /** Pictures to tell of after each epoch. */
  pinned: PinnedPicture[]
  engine: EngineRequest
  /** The prepared data set's file (src/data/dataset-file.ts). */
  datasetFile: string
  /** Dataset.digest of what the file is to hold. */
  datasetDigest: string
  /** Where checkpoints are staged and found (src/ports/artifact-store.ts). */
  artifactsFolder: string
  /** The owner of what it stages there. */
  owner: string
  /** Of the span that the work is part of; left out where nobody looks. */
  traceparent?: string | undefined
  /** The checkpoints that it can go on from, newest first: it takes the first that is whole. None for a beginning. */
  from: { step: number; weights: string; state: string }[]
  /** The weights that a beginning has, and what of them is trained; null when the seed draws them, to be trained all. */
  transfer: (TransferOptions & { weights: string; anew: readonly string[] }) | null
  /** When a checkpoint is saved. */
  checkpoints: {
    /** Of ends of epochs each whose number is a multiple; and the last one, and what would be kept for its test. */
    everyEpochs: number
    /** So many are kept for their test accuracy. */
    keepBest: number
    /** Beside the ends of epochs. */
    everySteps: number | null
    everySeconds: number | null
  }
  /** What the file of weights says of itself. */
  metadata: Record<string, string>
  /** Only so many steps, without evaluations and so without early stopping: for who only wants their losses. */
  until?: number
}

/**
 * What a trainer says to the server, in this order: started, then points, progress, epochs, checkpoints and answers to
 * updates as they come, then one of the endings. A checkpoint is told of after the points up to its step.
 */
export type FromTrainer =
  | { type: 'started'; engine: EngineReport; fromStep: number; steps: number }
  | { type: 'points'; points: MeasuredPoint[]; progress: TrainerProgress }
  | { type: 'progress'; progress: TrainerProgress }
  | { type: 'epoch'; summary: MeasuredEpoch; pinned: PinnedResult[]; progress: TrainerProgress }
  | { type: 'saved'; checkpoint: SavedCheckpoint }
  /** `steps`: in the whole run, as it is now. */
  | { type: 'updated'; id: number; change: Change; steps: number }
  | { type: 'refused'; id: number; reason: string }
  | TrainerEnding

export type TrainerEnding =
  /** `step`: of the checkpoint that the run comes to: its last, or with early stopping its best. */
  /** `mistakes`: all of them (scoring/mistakes.ts); null when an earlier attempt made the evaluation. */
  | { type: 'completed'; evaluation: EvaluationResult; mistakes: Uint8Array | null; step: number }
  | { type: 'stopped'; how: StopKind; step: number }
  | { type: 'failed'; failure: RunFailure }

export interface TrainerProgress {
  epoch: number
  step: number
  imagesPerSecond: number | null
  secondsRemaining: number | null
  /** The most resident memory that the trainer had so far. */
  peakMemoryBytes: number
  /** The resident memory that the trainer has. */
  memoryBytes: number
  /** What the time of this attempt was spent on. */
  phases: PhaseSeconds
}
