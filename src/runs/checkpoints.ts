import type { StagedArtifact } from '../artifacts/store.ts'
import type { Checkpoint, PrismaClient, TrainingRun } from '../db/generated/client.ts'
import { pruneCheckpoints } from '../models/prune-checkpoints.ts'
import type { WeightsKeeper } from '../models/weights-keeper.ts'
import type { RunLog } from './log.ts'

/** How many checkpoints of a run are kept. One that a model version was made of is kept beyond that. */
export interface CheckpointPolicy {
  /** Those of the highest test accuracy; of equal ones the later. */
  keepBest: number
  /** The newest ones; at least 1, for what the run ends with. */
  keepLatest: number
}

export const DEFAULT_CHECKPOINT_POLICY: CheckpointPolicy = { keepBest: 1, keepLatest: 1 }

/** What a trainer saved at the end of an epoch. */
export interface SavedWeights extends StagedArtifact {
  step: number
  epoch: number
  testLoss: number | null
  testAccuracy: number
}

/** The weights that runs save on their way, in the log and on disk. */
export interface Checkpoints {
  /** Records what the trainer of a run has staged, and removes what the run's policy does not keep. */
  save(run: TrainingRun, weights: SavedWeights): Promise<Checkpoint>
}

export function createCheckpoints(prisma: PrismaClient, log: RunLog, keeper: WeightsKeeper): Checkpoints {
  return {
    async save(run, { staged, digest, bytes, step, ...figures }) {
      const place = { runId: run.id, attempt: run.attempt, step }
      await keeper.keep({ staged, digest, bytes }, () =>
        log.append(run.id, [{ kind: 'CHECKPOINT_SAVED', step, digest, bytes }], {
          checkpoints: { create: { attempt: run.attempt, step, digest, bytes, ...figures } },
        }),
      )
      await pruneCheckpoints(prisma, keeper, run.id)
      return prisma.checkpoint.findUniqueOrThrow({ where: { runId_attempt_step: place } })
    },
  }
}
