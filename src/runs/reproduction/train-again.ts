import type { Logger } from 'pino'
import { DamagedDatasetError } from '../../data/errors.ts'
import type { EngineReport } from '../../engine/report.ts'
import { ConflictError } from '../../errors.ts'
import { JobError, runJob } from '../../process/job.ts'
import type { FromTrainer, ToTrainer, TrainerEnding, TrainingJob } from '../../trainer/protocol.ts'
import { failureOfExit } from '../model/failure.ts'
import type { MeasuredPoint } from '../model/measurements.ts'

export interface TrainedAgain {
  engine: EngineReport
  points: MeasuredPoint[]
}

/**
 * Has a trainer process do a job that nobody keeps anything of; what it prints goes to the server's logger.
 * @param signal  ends it at once
 * @throws DamagedDatasetError; ConflictError when it cannot be done here; the signal's reason
 */
export async function trainAgain(
  job: TrainingJob,
  logger: Pick<Logger, 'info' | 'debug'>,
  signal: AbortSignal,
): Promise<TrainedAgain> {
  let engine: EngineReport | undefined
  const points: MeasuredPoint[] = []
  let trainer: number | undefined
  const ignore = () => {}
  const run = runJob<ToTrainer, FromTrainer, Exclude<FromTrainer, TrainerEnding>['type']>(
    {
      entry: new URL('../../trainer/trainer-process.js', import.meta.url),
      task: { type: 'train', job },
      what: 'trains a run again',
      onStart(pid) {
        trainer = pid
        logger.info({ trainer, steps: job.until }, 'verification started')
      },
      onOutput: (line, pid) => logger.debug({ trainer: pid }, line),
    },
    {
      started(message) {
        engine = message.engine
      },
      points: (message) => void points.push(...message.points),
      progress: ignore,
      epoch: ignore,
      saved: ignore,
      updated: ignore,
      refused: ignore,
    },
    signal,
  )
  const ending = await run
    .catch((error: unknown) => {
      if (error instanceof JobError) return { type: 'failed', failure: failureOfExit(error.exit) } as const
      throw error
    })
    .finally(() => logger.info({ trainer, points: points.length }, 'verification ended'))
  // One whose loss becomes NaN ends there; the run may have done so, too.
  if (ending.type === 'failed' && ending.failure.code !== 'LOSS_NOT_FINITE') {
    const { code, message } = ending.failure
    if (code === 'DATASET_UNAVAILABLE') throw new DamagedDatasetError(message)
    throw new ConflictError(`The run could not be trained again. ${message}`)
  }
  return { engine: engine!, points }
}
