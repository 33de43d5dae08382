import type { Logger } from 'pino'
import type { TrainingRun } from '../../../db/generated/client.ts'
import type { EngineRequest } from '../../../engine/ranking.ts'
import { StoppingError, StorageFullError } from '../../../errors.ts'
import type { ChangedModels } from '../../../models/changed-models.ts'
import type { ArtifactStore } from '../../../ports/artifact-store.ts'
import type { Telemetry } from '../../../ports/telemetry.ts'
import { type Tracing, traceIdOf } from '../../../ports/tracing.ts'
import type { LowWater } from '../../../storage/low-water.ts'
import { makingRoom } from '../../../storage/room.ts'
import type { Trainers } from '../../../trainer/protocol.ts'
import type { RunHistory } from '../../history/history.ts'
import type { Journal } from '../../journal/journal.ts'
import type { ControlRequest } from '../../model/controls.ts'
import { toRun } from '../../model/run.ts'
import type { RunOutput } from '../../output/output.ts'
import type { Checkpoints } from '../checkpoints.ts'
import type { Interruptions } from '../interruption.ts'
import type { KeptResults } from '../kept-results.ts'
import { beginAttempt } from './attempt-span.ts'
import { type Ending, finished, recordEnding } from './ending.ts'
import { createPersistence, type Persistence } from './persist.ts'
import { datasetOf, type TrainingInputs } from './prepare.ts'
import { CANCEL_GRACE_MS, createStopping, RECORD_GRACE_MS } from './stopping.ts'
import { createTrainer } from './trainer.ts'
import { ownerOf, trainRun } from './training.ts'
import { type ControlOutcome, createUpdates } from './updates.ts'

export interface SupervisorOptions extends TrainingInputs {
  journal: Journal
  history: Pick<RunHistory, 'epochs'>
  logger: Logger
  telemetry: Telemetry
  tracing: Tracing
  engine: EngineRequest
  trainers: Trainers
  artifacts: Pick<ArtifactStore, 'tidy' | 'check'>
  artifactsFolder: string
  checkpoints: Checkpoints
  changedModels: Pick<ChangedModels, 'publish'>
  interruptions: Interruptions
  keptResults: Pick<KeptResults, 'release'>
  output: Pick<RunOutput, 'open'>
  lowWater: Pick<LowWater, 'problem'>
}

/** One run at work: from PREPARING until nobody works for it any more. */
export interface SupervisedRun {
  /** Answers when the trainer has done it and the journal has it. */
  control(request: ControlRequest): Promise<ControlOutcome>
  /** The server stops: saves a checkpoint if there is time, and leaves the run to the next start. */
  suspend(): void
  /** The disk is nearly full: saves a checkpoint, and puts the run back into the queue. */
  wait(): void
  /** Resolves when the run's last event is committed. Never rejects. */
  readonly ended: Promise<void>
}

/** Takes a run that is PREPARING through its trainer process. */
export function superviseRun(row: TrainingRun, options: SupervisorOptions): SupervisedRun {
  const { journal, checkpoints, artifacts, tracing } = options
  const span = beginAttempt(row, options)
  const { traceparent } = span
  const logger = options.logger.child({ run: row.number, ...traceIdOf(traceparent) })
  const trainer = createTrainer(options.trainers)
  const updates = createUpdates(trainer)
  const stopping = createStopping(trainer, hasRoom)
  const persistence = createPersistence(logger, () => journal.announce(row.id), stopping.gaveUp)
  /** What is left to record of a run that is cancelled may take of what is kept free: its end makes room. */
  const persist: Persistence['persist'] = (write, every) =>
    persistence.persist(() => (stopping.how === 'CANCEL' ? makingRoom(write) : write()), every)
  const parts = { ...options, logger, traceparent, trainer, updates, stopping, persist }

  const began = performance.now()
  let ending: Ending | undefined

  const ended = work()
    .then((how) => {
      ending = how
      return recordEnding(row, how, parts)
    })
    .catch(recordBroken)
    .finally(tidy)
    .finally(stopping.over)
    .finally(measure)
  const over = ended.then(() => ({ kind: 'tooLate' }) as const)
  span
    .tellQueued()
    .catch((error: unknown) => logger.warn({ err: error }, 'the time in the queue is not traced'))

  /** From the preparations to the end of the trainer; answers how it ended. */
  async function work(): Promise<Ending> {
    const run = toRun(row)
    const architecture = options.findArchitecture(run.architecture, run.dataset)
    if (architecture === undefined) {
      const message = `The architecture ${run.architecture} is not in this zoo.`
      return { kind: 'failed', failure: { code: 'INTERNAL_ERROR', message } }
    }
    const from = (await persist(() => checkpoints.resumable(run.id))) ?? []
    const step = from[0]?.step ?? 0
    // Or a data set would be fetched for nobody.
    if (stopping.how !== null) return { kind: 'stopped', how: stopping.how, step }
    const preparing = tracing.begin('prepare dataset', { parent: traceparent })
    const dataset = await datasetOf(run, options, from.length > 0, persist, stopping.signal).finally(() =>
      preparing.end(),
    )
    if (stopping.how !== null) return { kind: 'stopped', how: stopping.how, step }
    if ('code' in dataset) return { kind: 'failed', failure: dataset }
    return trainRun({ run, architecture, dataset, from }, parts)
  }

  async function recordBroken(error: unknown): Promise<void> {
    if (stopping.gaveUp.aborted || error instanceof StoppingError) {
      logger.warn({ err: error }, 'the server stops before the run is recorded; the next start does it')
      return
    }
    logger.error({ err: error }, 'supervising the run failed')
    trainer.kill()
    const message =
      'The server could not record the run; the log of the server says why. resumeTrainingRun tries again.'
    const failure = { code: 'INTERNAL_ERROR', message } as const
    await persist(() => journal.transition(row.id, 'FAILED', { failure, patch: finished() }), true).catch(
      (again: unknown) => logger.error({ err: again }, 'the run keeps an untrue status until the next start'),
    )
  }

  async function tidy(): Promise<void> {
    const warn = (error: unknown) => logger.warn({ err: error }, 'tidying')
    await artifacts.tidy(ownerOf(row)).catch(warn)
    await options.keptResults.release(row).catch(warn)
  }

  function measure(): void {
    const { kind: outcome = 'failed' } = ending ?? {}
    const ms = performance.now() - began
    options.telemetry.record({ kind: 'attemptEnded', run: row.number, outcome, ms })
    span.end(outcome, ending !== undefined && 'failure' in ending ? ending.failure : undefined)
  }

  function hasRoom(): boolean {
    try {
      artifacts.check()
      return true
    } catch {
      return false
    }
  }

  function checkRecordable(): void {
    if (persistence.failure !== null) throw persistence.failure
    artifacts.check()
  }

  /** Resolves when the run has ended and that is recorded. Nobody is left to wait for room, or for the database's server: then it rejects. */
  async function recorded(): Promise<void> {
    for (;;) {
      const late = new Promise<'late'>((resolve) =>
        setTimeout(resolve, CANCEL_GRACE_MS + RECORD_GRACE_MS, 'late').unref(),
      )
      if ((await Promise.race([ended, late])) !== 'late') return
      try {
        checkRecordable()
      } catch (error) {
        if (!(error instanceof StorageFullError)) throw error
        throw new StorageFullError(
          `Run #${row.number} stops, and that is recorded as soon as it can be. ${error.message}`,
        )
      }
    }
  }

  return {
    ended,
    async control(request) {
      const { input } = request
      // It would be done when there is room, or the database's server is back; a cancel is a way to make room.
      if (input.control !== 'CANCEL') checkRecordable()
      if (input.control === 'UPDATE') return Promise.race([updates.ask(input.values, request), over])
      if (input.control === 'PAUSE' || input.control === 'CANCEL') stopping.ask(input.control, request)
      await recorded()
      return { kind: stopping.isMet(request) ? 'applied' : 'tooLate' }
    },
    suspend: stopping.suspend,
    wait: stopping.wait,
  }
}
