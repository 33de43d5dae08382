import type { StagedArtifact } from '../artifacts/store.ts'
import type { Checkpoint, PrismaClient, TrainingRun } from '../db/generated/client.ts'
import { pruneCheckpoints } from '../models/prune-checkpoints.ts'
import type { WeightsKeeper } from '../models/weights-keeper.ts'
import type { RunLog } from './log.ts'

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
  /** Null in the midst of an epoch, and where the test was not finite; likewise the other. */
  testLoss: number | null
  testAccuracy: number | null
  /** With early stopping the step of the best epoch so far, whose checkpoint the run may come to. */
  bestStep: number | null
}

/** A checkpoint that a trainer can go on from. */
export type ResumePoint = Checkpoint & { stateDigest: string }

/** What runs save on their way, in the log and on disk. */
export interface Checkpoints {
  /** Records what the trainer of a run has staged, and removes what the run's policy does not keep. */
  save(run: TrainingRun, checkpoint: SavedCheckpoint): Promise<void>
  /** Where a run would go on; null when it would begin. */
  newest(runId: string): Promise<ResumePoint | null>
  /** The checkpoint after a step; where the step was trained twice, the later one. */
  at(runId: string, step: number): Promise<Checkpoint>
}

export function createCheckpoints(prisma: PrismaClient, log: RunLog, keeper: WeightsKeeper): Checkpoints {
  return {
    async save(run, { weights, state, step, bestStep, ...figures }) {
      const { digest, bytes } = weights
      const { attempt } = run
      await keeper.keep([weights, state], () =>
        log.append(run.id, [{ kind: 'CHECKPOINT_SAVED', step, digest, bytes }], {
          checkpoints: { create: { attempt, step, digest, bytes, stateDigest: state.digest, ...figures } },
          bestStep,
        }),
      )
      await pruneCheckpoints(prisma, keeper, run.id)
    },
    async newest(runId) {
      const [newest] = await prisma.checkpoint.findMany({
        where: { runId, stateDigest: { not: null } },
        orderBy: [{ step: 'desc' }, { attempt: 'desc' }],
        take: 1,
      })
      return (newest as ResumePoint | undefined) ?? null
    },
    at: (runId, step) =>
      prisma.checkpoint.findFirstOrThrow({ where: { runId, step }, orderBy: { attempt: 'desc' } }),
  }
}
