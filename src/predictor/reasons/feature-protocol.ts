import type { EngineRequest } from '../../engine/ranking.ts'
import type { ModelRef, Rejection } from '../protocol.ts'
import type { Nearest } from './feature-file.ts'

/** All that the server says to the process that computes the features of training pictures. */
export interface FeatureJob {
  engine: EngineRequest
  artifactsFolder: string
  /** The prepared data set's file (src/data/dataset-file.ts). */
  datasetFile: string
  /** Dataset.digest of what the file is to hold. */
  datasetDigest: string
  model: ModelRef
  /** Where they are written: feature-file.ts. */
  folder: string
  /** Of the file of rows. */
  maxBytes: number
}

/** How far it is, then one of the others. */
export type FromFeatures =
  | { type: 'seen'; pictures: number; of: number }
  | { type: 'written' }
  /** The engine that was asked for by name is not there. */
  | { type: 'unavailable'; message: string }
  /** The data set's file is not what it was. */
  | { type: 'damagedDataset'; message: string }
  /** The disk takes no more. */
  | { type: 'disk'; code: string; message: string }
  | { type: 'rejected'; rejection: Rejection }

/** All that is said to the process that compares features with those of training pictures. */
export interface NeighbourJob {
  folder: string
  features: Float32Array
  first: number
}

export type FromNeighbours = { type: 'found'; nearest: Nearest[] }
