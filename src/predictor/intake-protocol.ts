import type { Inspected, Inspection, ModelRef, Rejection } from './protocol.ts'

/** What the thread that takes pictures in hands to the one that computes. */
export type FromIntake =
  | { type: 'model'; model: number; ref: ModelRef }
  /** `decodeMs`: since it was asked for. */
  | { type: 'picture'; id: number; model: number; pixels: Uint8Array; decodeMs: number; inspect?: Inspection }
  | { type: 'load'; id: number; model: number }
  | { type: 'cancel'; id: number }
  /** The file of weights that was to be looked at is whole, or why not. */
  | { type: 'verified'; digest: string; path: string }
  | { type: 'unverified'; digest: string; rejection: Rejection }

export type ToIntake =
  /** Logits of a batch, [pictures, classes] row by row. `ms`: of the forward pass. */
  | { type: 'computed'; model: number; ids: number[]; logits: Float32Array; ms: number }
  | ({ type: 'inspected'; id: number } & Inspected)
  | { type: 'loaded'; id: number }
  | { type: 'rejected'; id: number; rejection: Rejection }
  | { type: 'kept'; model: number; isLoaded: boolean }
  | { type: 'verify'; digest: string }

export interface IntakeData {
  artifactsFolder: string
  isTraced: boolean
  /** One number: how many pictures are being decoded. */
  decoding: Int32Array
}
