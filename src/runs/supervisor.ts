import type { Logger } from 'pino'
import type { DatasetFacts } from '../data/dataset-facts.ts'
import type { Checkpoint, TrainingRun } from '../db/generated/client.ts'
import type { EngineChoice } from '../engine/report.ts'
import { createTrainedVersion, trainedPreprocessing } from '../models/versions.ts'
import { type Child, startChild } from '../process/child.ts'
import type { Architecture } from '../zoo/architecture.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { RunEventBody } from './events.ts'
import { failureOfExit, type RunFailure } from './failure.ts'
import type { Hyperparameters } from './hyperparameters.ts'
import type { RunLog } from './log.ts'
import type { FromTrainer, ToTrainer, TrainerProgress } from './trainer/protocol.ts'

/** A trainer that does not end its step in this time after a cancel is killed. */
const CANCEL_GRACE_MS = 5000

export interface SupervisorOptions {
  log: RunLog
  logger: Logger
  engine: EngineChoice
  artifactsFolder: string
  checkpoints: Checkpoints
  findArchitecture(name: string): Architecture | undefined
  /** Makes the data set ready and says where its file is. */
  prepareDataset(name: string, signal: AbortSignal): Promise<PreparedDataset>
}

export interface PreparedDataset {
  file: string
  facts: DatasetFacts
  /** Dataset.digest */
  digest: string
}

/** One run at work: from PREPARING to its end. */
export interface SupervisedRun {
  /** Stops the run; `ended` follows within one step, or the grace. */
  cancel(): void
  /** Kills the trainer; the run ends FAILED with this failure. */
  abandon(failure: RunFailure): void
  /** Resolves when the run's last event is committed. Never rejects. */
  readonly ended: Promise<void>
}

/** Takes a run that is PREPARING through its trainer process to a final status. */
export function superviseRun(run: TrainingRun, options: SupervisorOptions): SupervisedRun {
  const logger = options.logger.child({ run: run.number })
  const abort = new AbortController()
  let trainer: Child<ToTrainer> | undefined
  let cancelling = false
  let abandoned: RunFailure | undefined
  let lastStep = 0

  const ended = work().catch(async (error: unknown) => {
    logger.error({ err: error }, 'supervising the run failed')
    trainer?.kill('SIGKILL')
    const message = 'The server could not record the run; its log says why. Start the run again.'
    await options.log
      .transition(run.id, 'FAILED', { failure: { code: 'INTERNAL_ERROR', message }, patch: finished() })
      .catch((again: unknown) =>
        logger.error({ err: again }, 'the run keeps an untrue status until the next start'),
      )
  })

  return {
    ended,
    cancel() {
      if (cancelling) return
      cancelling = true
      abort.abort()
      trainer?.send({ type: 'cancel' })
      const grace = setTimeout(() => trainer?.kill('SIGKILL'), CANCEL_GRACE_MS)
      void ended.finally(() => clearTimeout(grace))
    },
    abandon(failure) {
      abandoned = failure
      abort.abort()
      trainer?.kill('SIGKILL')
    },
  }

  async function work(): Promise<void> {
    const architecture = options.findArchitecture(run.architecture)
    if (architecture === undefined) {
      return fail({
        code: 'INTERNAL_ERROR',
        message: `The architecture ${run.architecture} is not in this zoo.`,
      })
    }
    let dataset: PreparedDataset
    try {
      dataset = await options.prepareDataset(run.dataset, abort.signal)
    } catch (error) {
      if (abandoned) return fail(abandoned)
      if (cancelling) return endCancelled(0)
      return fail({
        code: 'DATASET_UNAVAILABLE',
        message: error instanceof Error ? error.message : String(error),
      })
    }
    if (abandoned) return fail(abandoned)
    if (cancelling) return endCancelled(0)

    let ending: Extract<FromTrainer, { type: 'completed' | 'cancelled' | 'failed' }> | undefined
    let saved: Checkpoint | undefined
    // Messages are handled one after the other: the log keeps the trainer's order.
    let handled: Promise<void> = Promise.resolve()
    let broken: unknown
    const child = startChild<ToTrainer, FromTrainer>({
      entry: new URL('./trainer/trainer-process.js', import.meta.url),
      onMessage(message) {
        handled = handled
          .then(() => handle(message))
          .catch((error: unknown) => {
            broken ??= error
            child.kill('SIGKILL')
          })
      },
      onOutput: (line) => logger.info({ trainer: child.pid }, line),
    })
    trainer = child
    logger.info({ trainer: child.pid, architecture: run.architecture }, 'trainer started')
    const hyperparameters = run.hyperparameters as unknown as Hyperparameters
    child.send({
      type: 'train',
      job: {
        architecture,
        hyperparameters,
        seed: run.seed,
        engine: options.engine,
        datasetFile: dataset.file,
        artifactsFolder: options.artifactsFolder,
        metadata: {
          format: 'pt',
          architecture: architecture.name,
          seed: String(run.seed),
          preprocessing: JSON.stringify(trainedPreprocessing(dataset.facts, hyperparameters.normalization)),
        },
      },
    })
    const exit = await child.exited
    await handled
    if (broken !== undefined) throw broken
    if (abandoned) return fail(abandoned)
    if (ending?.type === 'completed' && saved !== undefined) return complete(ending.evaluation, saved)
    if (ending?.type === 'failed') return fail(ending.failure)
    if (ending?.type === 'cancelled' || cancelling)
      return endCancelled(ending?.type === 'cancelled' ? ending.step : lastStep)
    return fail(failureOfExit(exit))

    async function handle(message: FromTrainer): Promise<void> {
      switch (message.type) {
        case 'started':
          await options.log.transition(run.id, 'RUNNING', {
            patch: {
              engine: { ...message.engine },
              steps: message.steps,
              startedAt: new Date(),
              datasetDigest: dataset.digest,
            },
          })
          return
        case 'points': {
          lastStep = message.progress.step
          const points = message.points.map((point) => ({
            ...point,
            at: new Date(point.at),
            attempt: run.attempt,
          }))
          await options.log.append(run.id, [{ kind: 'LOSS_POINTS', points }], rowOf(run, message.progress))
          return
        }
        case 'progress':
          lastStep = message.progress.step
          await options.log.progress(run.id, rowOf(run, message.progress))
          return
        case 'epoch':
          await options.log.append(run.id, [{ kind: 'EPOCH_ENDED', summary: message.summary }], {
            ...rowOf(run, message.progress),
            epochSummaries: {
              create: { attempt: run.attempt, step: message.progress.step, ...message.summary },
            },
          })
          return
        case 'saved':
          saved = await options.checkpoints.save(run, message.weights)
          return
        default:
          ending = message
      }
    }

    async function complete(
      evaluation: Extract<FromTrainer, { type: 'completed' }>['evaluation'],
      checkpoint: Checkpoint,
    ): Promise<void> {
      await options.log.transition(run.id, 'COMPLETED', {
        patch: { evaluation: { ...evaluation }, ...finished() },
        // In the same transaction: whoever hears COMPLETED can predict with the result.
        within: async (tx) => {
          await createTrainedVersion(tx, run.architecture, run, checkpoint, dataset.facts)
        },
      })
      logger.info({ accuracy: evaluation.accuracy }, 'run completed')
    }
  }

  async function fail(failure: RunFailure): Promise<void> {
    logger.warn({ failure }, 'run failed')
    await options.log.transition(run.id, 'FAILED', { failure, patch: finished() })
  }

  async function endCancelled(step: number): Promise<void> {
    const control: RunEventBody = { kind: 'CONTROL_APPLIED', control: 'CANCEL', step }
    await options.log.transition(run.id, 'CANCELLED', { before: [control], patch: finished() })
    logger.info({ step }, 'run cancelled')
  }
}

function rowOf(run: TrainingRun, { peakMemoryBytes, ...progress }: TrainerProgress) {
  // An earlier attempt may have needed more.
  return { ...progress, peakMemoryBytes: Math.max(peakMemoryBytes, Number(run.peakMemoryBytes ?? 0)) }
}

function finished() {
  return { finishedAt: new Date(), secondsRemaining: null }
}
