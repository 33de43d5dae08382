import type { Logger } from 'pino'
import { DamagedDatasetError } from '../../data/errors.ts'
import type { EngineReport } from '../../engine/report.ts'
import { ConflictError } from '../../errors.ts'
import { startChild } from '../../process/child.ts'
import type { FromTrainer, ToTrainer, TrainingJob } from '../../trainer/protocol.ts'
import { failureOfExit } from '../model/failure.ts'
import type { MeasuredPoint } from '../model/measurements.ts'

export interface TrainedAgain {
  engine: EngineReport
  points: MeasuredPoint[]
}

/**
 * Has a trainer process do a job that nobody keeps anything of; its lines go to the server's log.
 * @param signal  ends it at once
 * @throws DamagedDatasetError; ConflictError when it cannot be done here; the signal's reason
 */
export async function trainAgain(
  job: TrainingJob,
  logger: Pick<Logger, 'info' | 'debug'>,
  signal: AbortSignal,
): Promise<TrainedAgain> {
  signal.throwIfAborted()
  let engine: EngineReport | undefined
  let ending: FromTrainer | undefined
  const points: MeasuredPoint[] = []
  const child = startChild<ToTrainer, FromTrainer>({
    entry: new URL('../../trainer/trainer-process.js', import.meta.url),
    onMessage(message) {
      if (message.type === 'started') engine = message.engine
      else if (message.type === 'points') points.push(...message.points)
      else if (message.type === 'stopped' || message.type === 'failed') ending = message
    },
    onOutput: (line) => logger.debug({ trainer: child.pid }, line),
  })
  // It has nothing to save.
  const kill = () => child.kill('SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  try {
    logger.info({ trainer: child.pid, steps: job.until }, 'verification started')
    child.send({ type: 'train', job })
    const exit = await child.exited
    logger.info({ trainer: child.pid, points: points.length }, 'verification ended')
    signal.throwIfAborted()
    const failure = ending === undefined ? failureOfExit(exit) : ending.type === 'failed' && ending.failure
    // One whose loss becomes NaN ends there; the run may have done so, too.
    if (failure && failure.code === 'DATASET_UNAVAILABLE') throw new DamagedDatasetError(failure.message)
    if (failure && failure.code !== 'LOSS_NOT_FINITE') {
      throw new ConflictError(`The run could not be trained again. ${failure.message}`)
    }
    return { engine: engine!, points }
  } finally {
    signal.removeEventListener('abort', kill)
  }
}
