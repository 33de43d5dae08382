import type { EngineRequest } from '../engine/ranking.ts'
import type { EngineReport } from '../engine/report.ts'
import type { Preprocessing } from '../models/preprocessing.ts'
import type { Architecture } from '../zoo/architecture.ts'
import type { ImageRejection } from './errors.ts'

/** Weights, the network they belong to, and what its inputs and outputs mean. */
export interface ModelRef {
  /** sha256 of the weights file in the artifact store. */
  digest: string
  /** As the weights were trained: its input size and classes are those of `preprocessing`. */
  architecture: Architecture
  preprocessing: Preprocessing
}

export type PredictImage =
  /** A picture file of any accepted format. */
  | { bytes: Uint8Array }
  /** RGB bytes, row by row, already of the network's size: a sample of a data set. */
  | { pixels: Uint8Array }

/** What one layer of a network makes of a picture. */
export interface LayerRequest {
  /** A layer of the zoo's analysis, apart from the soft-max. */
  layer: string
  /** Only the first so many of its channels or units. */
  first: number
}

/** How much each place of a picture moves the logit of a class. */
export interface GradientRequest {
  method: 'GRADIENT' | 'GRAD_CAM'
  /** Place of the class among the labels. */
  class: number
}

/** What is asked of a network beside its answer. */
export type Inspection =
  | LayerRequest
  | GradientRequest
  /** What its last layer is given: the features that it tells classes by. */
  | 'features'

/** A type, as Prisma takes no interface for JSON. */
export type ClassProbability = {
  label: string
  probability: number
}

export type ToPredictor =
  /** The first message. */
  | { type: 'configure'; engine: EngineRequest; artifactsFolder: string; modelBytes: number }
  | { type: 'predict'; id: number; model: ModelRef; image: PredictImage; inspect?: Inspection }
  /** Nobody waits for the answer any more. It may come nevertheless. */
  | { type: 'cancel'; id: number }

export type FromPredictor =
  | { type: 'ready'; engine: EngineReport }
  /** The engine that was asked for by name is not there; the process ends. */
  | { type: 'unavailable'; message: string }
  /**
   * png: what the network saw, or what the layer that was asked for made of it. values: of the gradients or features
   * that were asked for.
   */
  | {
      type: 'predicted'
      id: number
      probabilities: ClassProbability[]
      png: Uint8Array
      values?: Float32Array
    }
  /** After the answers of a batch. `ms`: with what it took to load the model. */
  | { type: 'computed'; pictures: number; ms: number }
  | { type: 'rejected'; id: number; rejection: Rejection }

/** An error as plain data; errors lose their class on the way between processes. */
export type Rejection =
  | { kind: 'image'; reason: ImageRejection; message: string }
  | { kind: 'artifact'; message: string }
  | { kind: 'model'; message: string }
  | { kind: 'answer'; message: string }
  | { kind: 'internal'; message: string }
