import type { Checkpoint, PrismaClient, TrainingRun } from '../../db/generated/client.ts'
import { pruneCheckpoints } from '../../models/prune-checkpoints.ts'
import type { WeightsKeeper } from '../../models/weights-keeper.ts'
import type { Journal } from '../journal/journal.ts'
import type { SavedCheckpoint } from '../model/checkpoint.ts'

/** A checkpoint that a trainer can go on from. */
export type ResumePoint = Checkpoint & { stateDigest: string }

/** What runs save on their way, in the journal and on disk. */
export interface Checkpoints {
  /** Records what the trainer of a run has staged, and removes what the run's policy does not keep. */
  save(run: Pick<TrainingRun, 'id' | 'attempt'>, checkpoint: SavedCheckpoint): Promise<void>
  /** Where a run would go on; null when it would begin. */
  newest(runId: string): Promise<ResumePoint | null>
  /** The same, newest first: where the files of one are damaged it goes on from the next. */
  resumable(runId: string): Promise<ResumePoint[]>
  /** Seconds of training that led to the checkpoint after a step; 0 for a beginning. */
  secondsTo(runId: string, step: number): Promise<number>
  /** The run went on from after this step: the states of later steps are damaged, and nobody is to count on them. */
  wentOnFrom(runId: string, step: number): Promise<void>
  /** Keeps what a run needs that is about to be COMPLETED, and no more. */
  settle(runId: string): Promise<void>
  /** Removes what only a run needs that can go on, from one that was CANCELLED. */
  giveUp(runId: string): Promise<void>
  /** The same from all that a server has cancelled that was killed before it did so. */
  sweep(): Promise<void>
  /** The checkpoint after a step; where the step was trained twice, the later one. */
  at(runId: string, step: number): Promise<Checkpoint>
}

export function createCheckpoints(
  prisma: PrismaClient,
  journal: Journal,
  keeper: WeightsKeeper,
): Checkpoints {
  const resumable = async (runId: string) =>
    (await prisma.checkpoint.findMany({
      where: { runId, stateDigest: { not: null } },
      orderBy: [{ step: 'desc' }, { attempt: 'desc' }],
    })) as ResumePoint[]
  const at = (runId: string, step: number) =>
    prisma.checkpoint.findFirstOrThrow({ where: { runId, step }, orderBy: { attempt: 'desc' } })

  return {
    async save(run, { weights, state, step, bestStep, ...figures }) {
      const { digest, bytes } = weights
      const { attempt } = run
      await keeper.keep([weights, state], () =>
        journal.append(run.id, [{ kind: 'CHECKPOINT_SAVED', step, digest, bytes }], {
          checkpoints: { create: { attempt, step, digest, bytes, stateDigest: state.digest, ...figures } },
          bestStep,
        }),
      )
      await pruneCheckpoints(prisma, keeper, run.id)
    },
    newest: async (runId) => (await resumable(runId))[0] ?? null,
    resumable,
    async secondsTo(runId, step) {
      if (step === 0) return 0
      const { attempt, createdAt } = await at(runId, step)
      const { startedAt, secondsBefore } = await prisma.runAttempt.findUniqueOrThrow({
        where: { runId_attempt: { runId, attempt } },
      })
      return secondsBefore + (createdAt.getTime() - startedAt.getTime()) / 1000
    },
    async wentOnFrom(runId, step) {
      const damaged = (await resumable(runId)).filter((one) => one.step > step)
      if (damaged.length === 0) return
      await keeper.release(
        damaged.map(({ stateDigest }) => stateDigest),
        () =>
          prisma.checkpoint.updateMany({
            where: { id: { in: damaged.map(({ id }) => id) } },
            data: { stateDigest: null },
          }),
      )
    },
    settle: (runId) => pruneCheckpoints(prisma, keeper, runId, true),
    giveUp: (runId) => pruneCheckpoints(prisma, keeper, runId),
    async sweep() {
      const left = await prisma.checkpoint.findMany({
        where: { stateDigest: { not: null }, run: { status: 'CANCELLED' } },
        distinct: ['runId'],
        select: { runId: true },
      })
      for (const { runId } of left) await pruneCheckpoints(prisma, keeper, runId)
    },
    at,
  }
}
