import type { Logger } from 'pino'
import type { DatasetFacts } from '../../../data/dataset-facts.ts'
import type { TrainingRun } from '../../../db/generated/client.ts'
import type { ChangedModels } from '../../../models/changed-models.ts'
import { createTrainedVersion } from '../../../models/versions.ts'
import type { LowWater } from '../../../storage/low-water.ts'
import type { TrainerEnding } from '../../../trainer/protocol.ts'
import type { Journal } from '../../journal/journal.ts'
import type { RunFailure } from '../../model/failure.ts'
import { diskLow, SERVER_STOPPED } from '../../model/failure.ts'
import type { Checkpoints } from '../checkpoints.ts'
import { remembered } from '../control/remembered.ts'
import type { Interruptions } from '../interruption.ts'
import type { Persistence } from './persist.ts'
import type { Stop, Stopping } from './stopping.ts'

/** How the work for a run ends. */
export type Ending =
  | { kind: 'completed'; told: Extract<TrainerEnding, { type: 'completed' }>; facts: DatasetFacts }
  /** `epoch`: epochs done, where that is not what the run's row says. */
  | { kind: 'stopped'; how: Stop; step: number; epoch?: number }
  /** The trainer is gone though nobody asked for it: the run may go on by itself. */
  | { kind: 'interrupted'; failure: RunFailure }
  | { kind: 'failed'; failure: RunFailure }

export interface EndingOptions {
  journal: Pick<Journal, 'transition'>
  logger: Logger
  checkpoints: Checkpoints
  changedModels: Pick<ChangedModels, 'publish'>
  interruptions: Interruptions
  stopping: Pick<Stopping, 'meet'>
  persist: Persistence['persist']
  lowWater: Pick<LowWater, 'problem'>
}

/** Records how the work for a run ended. Resolves when that is committed. */
export function recordEnding(run: TrainingRun, ending: Ending, options: EndingOptions): Promise<void> {
  const { journal, logger, checkpoints, changedModels, interruptions, stopping, persist, lowWater } = options

  async function complete({ told, facts }: Extract<Ending, { kind: 'completed' }>): Promise<void> {
    const evaluation = { ...told.evaluation }
    let modelId = ''
    await persist(async () => {
      await checkpoints.settle(run.id)
      const checkpoint = await checkpoints.at(run.id, told.step)
      await journal.transition(run.id, 'COMPLETED', {
        patch: { evaluation, ...finished() },
        // In the same transaction: whoever hears COMPLETED can predict with the result.
        within: async (tx) => {
          // Those of an earlier end are of other weights.
          await tx.evaluationMistakes.deleteMany({ where: { runId: run.id } })
          if (told.mistakes !== null) {
            const records = new Uint8Array(told.mistakes)
            await tx.evaluationMistakes.create({ data: { runId: run.id, records } })
          }
          const trained = { ...run, evaluation }
          const version = await createTrainedVersion(
            tx,
            run.architecture,
            trained,
            checkpoint,
            facts,
            trained.ownerId,
          )
          modelId = version.modelId
        },
      })
    })
    changedModels.publish(modelId)
    logger.info({ accuracy: evaluation.accuracy }, 'run completed')
  }

  async function interrupt(failure: RunFailure, isFault: boolean): Promise<void> {
    if (isFault) logger.warn({ failure }, 'run interrupted')
    await persist(() => interruptions.interrupted(run.id, failure, isFault))
  }

  async function fail(failure: RunFailure): Promise<void> {
    logger.warn({ failure }, 'run failed')
    await persist(() => journal.transition(run.id, 'FAILED', { failure, patch: finished() }))
  }

  async function stop({ how, step, epoch }: Extract<Ending, { kind: 'stopped' }>): Promise<void> {
    if (how === 'SUSPEND') return interrupt(SERVER_STOPPED, false)
    if (how === 'WAIT') return interrupt(diskLow(lowWater.problem()), false)
    const met = stopping.meet(how)
    await persist(() =>
      journal.transition(run.id, how === 'CANCEL' ? 'CANCELLED' : 'PAUSED', {
        before: [{ kind: 'CONTROL_APPLIED', control: how, step }],
        step,
        patch: {
          step,
          epoch,
          ...(how === 'CANCEL' ? finished() : { secondsRemaining: null }),
          ...remembered(met),
        },
      }),
    )
    logger.info({ step, how }, 'run stopped')
    if (how !== 'CANCEL') return
    await checkpoints
      .giveUp(run.id)
      .catch((error: unknown) => logger.warn({ err: error }, 'the next start removes the state of the run'))
  }

  switch (ending.kind) {
    case 'completed':
      return complete(ending)
    case 'stopped':
      return stop(ending)
    case 'interrupted':
      return interrupt(ending.failure, true)
    case 'failed':
      return fail(ending.failure)
  }
}

/** What the row says of a run that has ended. */
export function finished() {
  return { finishedAt: new Date(), secondsRemaining: null }
}
