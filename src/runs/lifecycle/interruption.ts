import type { PrismaClient } from '../../db/generated/client.ts'
import type { Journal } from '../journal/journal.ts'
import type { RunFailure } from '../model/failure.ts'
import type { Checkpoints } from './checkpoints.ts'

export interface RestartPolicy {
  /** Whether a run that was interrupted goes on by itself. */
  autoResume: boolean
  /** How often in a row it does so from the same checkpoint. */
  maxRestarts: number
}

/** What becomes of runs whose trainer is gone though nobody asked for it. */
export interface Interruptions {
  /**
   * Puts the run back into the queue, to go on from its newest checkpoint; or ends it as FAILED, where it may not go on
   * by itself or has been interrupted too often at the same place.
   * @param reason   what happened
   * @param isFault  false when the server itself stopped it, in peace: that says nothing against the run
   */
  interrupted(runId: string, reason: RunFailure, isFault: boolean): Promise<void>
}

export function createInterruptions(
  prisma: PrismaClient,
  journal: Journal,
  checkpoints: Checkpoints,
  { autoResume, maxRestarts }: RestartPolicy,
): Interruptions {
  return {
    async interrupted(runId, reason, isFault) {
      const run = await prisma.trainingRun.findUnique({ where: { id: runId } })
      if (run === null) return
      const checkpoint = await checkpoints.newest(runId)
      const step = checkpoint?.step ?? 0
      const before = run.restartStep === step ? run.restarts : 0
      const restarts = isFault ? before + 1 : before
      if (autoResume && restarts <= maxRestarts) {
        await journal.transition(runId, 'QUEUED', {
          failure: reason,
          step,
          patch: {
            step,
            epoch: checkpoint?.epoch ?? 0,
            restarts,
            restartStep: step,
            secondsRemaining: null,
          },
        })
        return
      }
      const message = autoResume
        ? `${reason.message} It was interrupted ${restarts} times in a row after step ${step}, and MAX_RESTARTS is ${maxRestarts}; resumeTrainingRun tries it again.`
        : `${reason.message} AUTO_RESUME is off; resumeTrainingRun goes on after step ${step}.`
      await journal.transition(runId, 'FAILED', {
        failure: { ...reason, message },
        patch: { finishedAt: new Date(), secondsRemaining: null },
      })
    },
  }
}
