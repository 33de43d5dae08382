import * as z from 'zod'
import { SPLITS } from '../../data/dataset-facts.ts'
import type { RunAttempt as AttemptRow, EpochSummary, TrainingRun } from '../../db/generated/client.ts'
import { ENGINE_CHOICES, ENGINE_KINDS, type EngineReport } from '../../engine/report.ts'
import { type EvaluationResult, evaluationResult } from '../../models/evaluation-result.ts'
import type { Change } from './changes.ts'
import { FAILURE_CODES, type RunFailure } from './failure.ts'
import { changeable, type Hyperparameters, hyperparameters } from './hyperparameters.ts'
import type { PhaseSeconds } from './phases.ts'
import type { PinnedEpoch, PinnedPicture } from './pinned.ts'
import { type Transfer, transfer } from './transfer.ts'

/** What the JSON columns of a run's row hold. */
export interface RunColumns {
  /** As they were when the run was started; `changes` say what became of them. */
  hyperparameters: Hyperparameters
  /** By step, one for each. */
  changes: Change[]
  pinned: PinnedPicture[]
  /** What it does with the weights that it began with; null when they were drawn by its seed. */
  transfer: Transfer | null
  /** What its newest attempt trained on; null before the first. */
  engine: EngineReport | null
  /** What the time of its present attempt was spent on; null before it started. */
  phases: PhaseSeconds | null
  /** Null until it is COMPLETED. */
  evaluation: EvaluationResult | null
  /** Why it FAILED; null unless it did. */
  failure: RunFailure | null
}

/** A run in its shape: a row of TrainingRun whose columns are what they say. */
export type Run = Omit<TrainingRun, keyof RunColumns> & RunColumns

/** A start of a run's trainer. */
export type RunAttempt = Omit<AttemptRow, 'engine'> & { engine: EngineReport }

const engine = z.object({
  kind: z.enum(ENGINE_KINDS),
  device: z.string(),
  processor: z.string(),
  instructionSet: z.string(),
  threads: z.number().nullable(),
  notTaken: z.array(z.object({ engine: z.enum(ENGINE_CHOICES).exclude(['auto']), reason: z.string() })),
})
const pinnedEpoch = z.array(z.array(z.number()).nullable())

const columns: { readonly [Name in keyof RunColumns]: z.ZodType<RunColumns[Name]> } = {
  hyperparameters,
  changes: z.array(changeable.extend({ step: z.int() })),
  pinned: z.array(z.object({ split: z.enum(SPLITS), index: z.int() })),
  transfer: transfer.nullable(),
  engine: engine.nullable(),
  phases: z
    .object({
      frozenLayers: z.number(),
      data: z.number(),
      forwardBackward: z.number(),
      optimizer: z.number(),
      evaluation: z.number(),
      saving: z.number(),
    })
    .nullable(),
  evaluation: evaluationResult.nullable(),
  failure: z
    .object({
      code: z.enum(FAILURE_CODES),
      message: z.string(),
      step: z.number().optional(),
      layer: z.string().optional(),
    })
    .nullable(),
}

/** The one place where a row of TrainingRun gets its shape. Throws where the database holds something else. */
export function toRun(row: TrainingRun): Run {
  return {
    ...row,
    hyperparameters: columnOf(row, 'hyperparameters'),
    changes: columnOf(row, 'changes'),
    pinned: columnOf(row, 'pinned'),
    transfer: columnOf(row, 'transfer'),
    engine: columnOf(row, 'engine'),
    phases: columnOf(row, 'phases'),
    evaluation: columnOf(row, 'evaluation'),
    failure: columnOf(row, 'failure'),
  }
}

/** One column of `toRun`, for who needs no other: lists of runs are read a field at a time. */
export function columnOf<Name extends keyof RunColumns>(
  row: Pick<TrainingRun, Name>,
  name: Name,
): RunColumns[Name] {
  return columns[name].parse(row[name])
}

export function toAttempt(row: AttemptRow): RunAttempt {
  return { ...row, engine: engine.parse(row.engine) }
}

/** @returns null where nothing was pinned */
export function toPinnedEpoch({
  epoch,
  attempt,
  pinned,
}: Pick<EpochSummary, 'epoch' | 'attempt' | 'pinned'>): PinnedEpoch | null {
  return pinned === null ? null : { epoch, attempt, probabilities: pinnedEpoch.parse(pinned) }
}
