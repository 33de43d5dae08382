import type { StagedArtifact } from '../../ports/artifact-store.ts'

/** When a run saves checkpoints, and how many are kept. One that a model version was made of is kept beyond that. */
export interface CheckpointPolicy {
  /** Those of the highest test accuracy; of equal ones the later. */
  keepBest: number
  /** The newest ones of epochs' ends whose test was finite; at least 1, for what the run ends with. */
  keepLatest: number
  /** One is saved after so many steps, null for none between the ends of epochs. */
  everySteps: number | null
  /** The same in seconds. */
  everySeconds: number | null
}

/** What an interruption costs is a minute of training. */
export const DEFAULT_CHECKPOINT_POLICY: CheckpointPolicy = {
  keepBest: 1,
  keepLatest: 1,
  everySteps: null,
  everySeconds: 60,
}

/** What a trainer saved: its files, and what they are. */
export interface SavedCheckpoint {
  weights: StagedArtifact
  state: StagedArtifact
  step: number
  epoch: number
  /** Null where the test was not finite, and of what was saved only to go on from; likewise the other. */
  testLoss: number | null
  testAccuracy: number | null
  /** With early stopping the step of the best epoch so far, whose checkpoint the run may come to. */
  bestStep: number | null
}
