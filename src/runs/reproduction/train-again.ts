import type { Logger } from 'pino'
import { DamagedDatasetError } from '../../data/errors.ts'
import type { EngineReport } from '../../engine/report.ts'
import { ConflictError } from '../../errors.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { TrainerEnding, Trainers, TrainingJob } from '../../trainer/protocol.ts'
import { failureOfEnd } from '../model/failure.ts'
import type { MeasuredPoint } from '../model/measurements.ts'

export interface TrainedAgain {
  engine: EngineReport
  points: MeasuredPoint[]
}

/**
 * Has a trainer do a job that nobody keeps anything of; what it prints goes to the server's logger.
 * @param signal  ends it at once
 * @throws DamagedDatasetError; ConflictError when it cannot be done here; the signal's reason
 */
export async function trainAgain(
  job: TrainingJob,
  { trainers, telemetry }: { trainers: Trainers; telemetry: Telemetry },
  logger: Pick<Logger, 'info' | 'debug'>,
  signal: AbortSignal,
): Promise<TrainedAgain> {
  signal.throwIfAborted()
  const began = performance.now()
  let engine: EngineReport | undefined
  const points: MeasuredPoint[] = []
  let told: TrainerEnding | undefined
  const trainer = trainers.launch({
    onMessage(message) {
      switch (message.type) {
        case 'started':
          engine = message.engine
          return
        case 'points':
          points.push(...message.points)
          return
        case 'completed':
        case 'stopped':
        case 'failed':
          told = message
      }
    },
    onOutput: (line) => logger.debug({ trainer: trainer.name }, line),
  })
  signal.addEventListener('abort', trainer.kill, { once: true })
  logger.info({ trainer: trainer.name, steps: job.until }, 'verification started')
  trainer.send({ type: 'train', job })
  const end = await trainer.ended
  signal.removeEventListener('abort', trainer.kill)
  logger.info({ trainer: trainer.name, points: points.length }, 'verification ended')
  const outcome = signal.aborted ? 'stopped' : told === undefined ? 'failed' : 'answered'
  telemetry.record({ kind: 'job', job: 'verification', outcome, ms: performance.now() - began })
  signal.throwIfAborted()
  const ending = told ?? ({ type: 'failed', failure: failureOfEnd(end) } as const)
  // One whose loss becomes NaN ends there; the run may have done so, too.
  if (ending.type === 'failed' && ending.failure.code !== 'LOSS_NOT_FINITE') {
    const { code, message } = ending.failure
    if (code === 'DATASET_UNAVAILABLE') throw new DamagedDatasetError(message)
    throw new ConflictError(`The run could not be trained again. ${message}`)
  }
  return { engine: engine!, points }
}
