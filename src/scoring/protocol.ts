import type { EngineRequest } from '../engine/ranking.ts'
import type { EngineReport } from '../engine/report.ts'
import type { EvaluationResult } from '../models/evaluation-result.ts'
import type { ModelRef, Rejection } from '../predictor/protocol.ts'

/** An evaluation of weights: the job is all that the server says to the process that does it. */
export interface EvaluationJob {
  engine: EngineRequest
  artifactsFolder: string
  /** The prepared data set's file (src/data/dataset-file.ts); its classes are the labels of the model. */
  datasetFile: string
  /** Dataset.digest of what the file is to hold. */
  datasetDigest: string
  model: ModelRef
  /** Only the first so many test images; null for all. */
  limit: number | null
}

/** What an evaluation comes to. */
export interface Evaluated {
  result: EvaluationResult
  /** Every mistake (mistakes.ts). */
  mistakes: Uint8Array
}

/** Signs of life, then one of the others. */
export type FromEvaluator =
  | { type: 'seen'; images: number }
  | ({ type: 'evaluated'; engine: EngineReport } & Evaluated)
  /** The engine that was asked for by name is not there. */
  | { type: 'unavailable'; message: string }
  /** The data set's file is not what it was. */
  | { type: 'damagedDataset'; message: string }
  | { type: 'rejected'; rejection: Rejection }
