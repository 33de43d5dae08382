import type { EngineRequest } from '../engine/ranking.ts'
import type { EngineReport } from '../engine/report.ts'
import type { Preprocessing } from '../models/preprocessing.ts'
import type { ImageRejection } from '../pictures/errors.ts'
import type { Architecture } from '../zoo/architecture.ts'

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

/** png: of the feature maps of a layer, else empty. values: of gradients [height, width], or of features [units]. */
export interface Inspected {
  png: Uint8Array
  values?: Float32Array
}

/** A type, as Prisma takes no interface for JSON. */
export type ClassProbability = {
  label: string
  probability: number
}

/** Over Node's own channel, to the thread that computes. */
export type ToPredictor = {
  type: 'configure'
  engine: EngineRequest
  modelBytes: number
  artifactsFolder: string
  /** Whether it sends spans. */
  isTraced: boolean
}

export type FromPredictor =
  | { type: 'ready'; engine: EngineReport }
  /** The engine that was asked for by name is not there; the process ends. */
  | { type: 'unavailable'; message: string }

/** Over the process' line, to the thread that takes pictures in. A model has a number there. */
export type PredictorRequest =
  /** Before the first request that names it; a process is told once. */
  | { type: 'model'; model: number; ref: ModelRef }
  | {
      type: 'predict'
      id: number
      model: number
      image: PredictImage
      inspect?: Inspection
      /** Of the span that it is part of; left out where nobody looks. */
      traceparent?: string
    }
  /** Loads its weights, as a prediction would. */
  | { type: 'load'; id: number; model: number }
  /** Nobody waits for the answer any more. It may come nevertheless. */
  | { type: 'cancel'; id: number }
  /** Where spans are sent: those that were not yet are, and the process ends. */
  | { type: 'leave' }

/** What was measured of one prediction in its process, in milliseconds. */
export interface PredictionTimes {
  decodeMs: number
  /** Between decoding and computing. */
  queueMs: number
  /** Of the pass, with all pictures of its batch. */
  computeMs: number
  /** Pictures in the pass. */
  batch: number
}

export interface PredictedPicture {
  id: number
  /** As many as there are classes. */
  logits: Float32Array
  /** RGB bytes, as the network saw it. */
  pixels: Uint8Array
  times: PredictionTimes
}

export type PredictorAnswer =
  /** One batch. */
  | { type: 'predicted'; model: number; computeMs: number; pictures: PredictedPicture[] }
  /** What was asked beside the answer. */
  | ({ type: 'inspected'; id: number } & Inspected)
  | { type: 'loaded'; id: number }
  | { type: 'rejected'; id: number; rejection: Rejection }
  /** Its weights are in memory now, or are not any more. */
  | { type: 'kept'; model: number; isLoaded: boolean }

/** An error as plain data; errors lose their class on the way between processes. */
export type Rejection =
  | { kind: 'image'; reason: ImageRejection; message: string }
  | { kind: 'artifact'; message: string }
  | { kind: 'model'; message: string }
  | { kind: 'answer'; message: string }
  | { kind: 'internal'; message: string }
