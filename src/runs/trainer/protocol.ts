import type { EngineChoice, EngineReport } from '../../engine/report.ts'
import type { EvaluationResult } from '../../evaluation/result.ts'
import type { Architecture } from '../../zoo/architecture.ts'
import type { SavedWeights } from '../checkpoints.ts'
import type { RunFailure } from '../failure.ts'
import type { Hyperparameters } from '../hyperparameters.ts'

export type { EvaluationResult } from '../../evaluation/result.ts'

/** What the server says to a trainer. All messages are plain data; they cross processes. */
export type ToTrainer = { type: 'train'; job: TrainingJob } | { type: 'cancel' }

export interface TrainingJob {
  architecture: Architecture
  hyperparameters: Hyperparameters
  seed: number
  engine: EngineChoice
  /** The prepared data set's file (src/data/load.ts). */
  datasetFile: string
  /** Where the trained weights are staged (src/artifacts/store.ts). */
  artifactsFolder: string
  /** What the file of weights says of itself. */
  metadata: Record<string, string>
}

/** What a trainer says to the server, in this order: started, then points, progress and epochs, each epoch followed by saved, then one of the endings. */
export type FromTrainer =
  | { type: 'started'; engine: EngineReport; steps: number }
  | { type: 'points'; points: TrainerPoint[]; progress: TrainerProgress }
  | { type: 'progress'; progress: TrainerProgress }
  | { type: 'epoch'; summary: TrainerEpoch; progress: TrainerProgress }
  | { type: 'saved'; weights: SavedWeights }
  | { type: 'completed'; evaluation: EvaluationResult }
  | { type: 'cancelled'; step: number }
  | { type: 'failed'; failure: RunFailure }

export interface TrainerPoint {
  /** 1-based step after which the point was taken. */
  step: number
  /** Epochs trained so far, with the fraction of the present one. */
  epoch: number
  /** Mean cross-entropy in nats over the steps since the last point; null when not finite. */
  loss: number | null
  nonFinite: string | null
  /** The rate of the point's last step. */
  learningRate: number
  imagesPerSecond: number
  /** Milliseconds since 1970. */
  at: number
}

export interface TrainerProgress {
  epoch: number
  step: number
  imagesPerSecond: number | null
  secondsRemaining: number | null
  /** The most resident memory that the trainer had so far. */
  peakMemoryBytes: number
}

export interface TrainerEpoch {
  /** 1-based. */
  epoch: number
  trainLoss: number | null
  trainAccuracy: number | null
  testLoss: number | null
  testAccuracy: number | null
  seconds: number
}
