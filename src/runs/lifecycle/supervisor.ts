import type { Logger } from 'pino'
import type { DatasetFacts } from '../../data/dataset-facts.ts'
import type { TrainingRun } from '../../db/generated/client.ts'
import type { EngineChoice } from '../../engine/report.ts'
import { StorageFullError } from '../../errors.ts'
import { createTrainedVersion, trainedPreprocessing } from '../../models/versions.ts'
import type { ArtifactStore } from '../../ports/artifact-store.ts'
import { type Child, type ChildExit, startChild } from '../../process/child.ts'
import { makingRoom } from '../../storage/room.ts'
import type { FromTrainer, ToTrainer, TrainerEnding } from '../../trainer/protocol.ts'
import type { Architecture } from '../../zoo/architecture.ts'
import type { Journal, RunPatch } from '../journal/journal.ts'
import { type Change, latestHyperparameters, withChange } from '../model/changes.ts'
import type { ControlInput, ControlRequest } from '../model/controls.ts'
import type { RunEventBody } from '../model/events.ts'
import { failureOfExit, type RunFailure, SERVER_STOPPED } from '../model/failure.ts'
import { hyperparametersOf } from '../model/hyperparameters.ts'
import { rateChangeAt } from '../model/learning-rate.ts'
import { pinnedOf } from '../model/pinned.ts'
import type { RunOutput } from '../output/output.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { Interruptions } from './interruption.ts'
import { createPersistence, type Persistence } from './persist.ts'
import { recordTraining } from './record.ts'
import { remembered } from './remembered.ts'

/** A trainer that does not end its step in this time after a cancel is killed. */
const CANCEL_GRACE_MS = 5000
/**
 * The same when the server stops: what the run has trained since its last checkpoint is trained again then. Half a
 * gigabyte of a big network's state has to be written, on a disk and cores that others use, too; who cannot wait asks
 * the server a second time.
 */
const STOP_GRACE_MS = 30_000
/** The same for what the disk or the database's server does not take: the next start records that the run was interrupted. */
const RECORD_GRACE_MS = 5000

/** Messages of a trainer that wait for the database before the trainer waits for it, too: about six seconds of them. */
const MAX_UNHANDLED = 64

export interface SupervisorOptions {
  journal: Journal
  logger: Logger
  engine: EngineChoice
  artifacts: Pick<ArtifactStore, 'tidy' | 'check'>
  artifactsFolder: string
  checkpoints: Checkpoints
  interruptions: Interruptions
  output: RunOutput
  findArchitecture(name: string): Architecture | undefined
  /** Makes the data set ready and says where its file is. */
  prepareDataset(name: string, signal: AbortSignal): Promise<PreparedDataset>
}

export interface PreparedDataset {
  file: string
  facts: DatasetFacts
  /** Dataset.digest */
  digest: string
  /** Whoever finds the file damaged says so: it is verified, and made again, before it is used again. */
  distrust(): void
}

/** What became of a control: the run may have ended, or gone elsewhere, before the trainer heard of it. */
export type ControlOutcome = { kind: 'applied' } | { kind: 'refused'; reason: string } | { kind: 'tooLate' }

/** One run at work: from PREPARING until nobody works for it any more. */
export interface SupervisedRun {
  /** Answers when the trainer has done it and the journal has it. */
  control(request: ControlRequest): Promise<ControlOutcome>
  /** The server stops: saves a checkpoint if there is time, and leaves the run to the next start. */
  suspend(): void
  /** Resolves when the run's last event is committed. Never rejects. */
  readonly ended: Promise<void>
}

type Stop = 'CANCEL' | 'PAUSE' | 'SUSPEND'
/** What comes later can only be stronger; what a person asks for holds when the server stops, too. */
const STRENGTH: Readonly<Record<Stop, number>> = { SUSPEND: 1, PAUSE: 2, CANCEL: 3 }

interface PendingUpdate {
  request: ControlRequest
  resolve(outcome: ControlOutcome): void
}

/** Takes a run that is PREPARING through its trainer process. */
export function superviseRun(run: TrainingRun, options: SupervisorOptions): SupervisedRun {
  const { journal, checkpoints } = options
  const logger = options.logger.child({ run: run.number })
  const abort = new AbortController()
  const hyperparameters = hyperparametersOf(run)
  const record = recordTraining(run, journal, checkpoints)
  const owner = `run-${run.id}-${run.attempt}`
  let changes = run.changes as unknown as Change[]
  let trainer: Child<ToTrainer> | undefined
  let isTraining = false
  let stopping: Stop | null = null
  let lastStep = run.step
  /** Requests to stop, and those of them that were met: each of these is in the journal. */
  const stops: ControlRequest[] = []
  let met: readonly ControlRequest[] = []
  /** What the server cannot wait for when it stops. */
  const gaveUp = new AbortController()
  const persistence = createPersistence(logger, () => journal.announce(run.id), gaveUp.signal)
  /** What is left to record of a run that is cancelled may take of what is kept free: its end makes room. */
  const persist: Persistence['persist'] = (write, every) =>
    persistence.persist(() => (stopping === 'CANCEL' ? makingRoom(write) : write()), every)
  /** The staged files of checkpoints that the trainer told of. */
  const finishedFiles = new Set<string>()
  const updates = new Map<number, PendingUpdate>()
  let nextUpdate = 1

  const ended = work()
    .catch(async (error: unknown) => {
      if (gaveUp.signal.aborted) {
        logger.warn({ err: error }, 'the server stops before the run is recorded; the next start does it')
        return
      }
      logger.error({ err: error }, 'supervising the run failed')
      trainer?.kill('SIGKILL')
      const message = 'The server could not record the run; its log says why. resumeTrainingRun tries again.'
      const failure = { code: 'INTERNAL_ERROR', message } as const
      await persist(() => journal.transition(run.id, 'FAILED', { failure, patch: finished() }), true).catch(
        (again: unknown) =>
          logger.error({ err: again }, 'the run keeps an untrue status until the next start'),
      )
    })
    .finally(() => options.artifacts.tidy(owner).catch(notTidied))
  const over = ended.then(() => ({ kind: 'tooLate' }) as const)

  return {
    ended,
    async control(request) {
      const { control } = request.input
      // It would be done when there is room, or the database's server is back; a cancel is a way to make room.
      if (control !== 'CANCEL') checkRecordable()
      if (control === 'UPDATE') return Promise.race([update(request), over])
      if (control === 'PAUSE' || control === 'CANCEL') {
        stops.push(request)
        stop(control)
      }
      await recorded()
      return { kind: met.includes(request) ? 'applied' : 'tooLate' }
    },
    suspend() {
      stop('SUSPEND')
      const giveUp = setTimeout(() => gaveUp.abort(), RECORD_GRACE_MS)
      void ended.finally(() => clearTimeout(giveUp))
    },
  }

  function notTidied(error: unknown): void {
    logger.warn({ err: error }, 'tidying')
  }

  function stop(how: Stop): void {
    // A pause takes as long as a step and a checkpoint take: killed, it would lose what was trained.
    if (how === 'CANCEL') limit(CANCEL_GRACE_MS)
    if (how === 'SUSPEND') limit(hasRoom() ? STOP_GRACE_MS : RECORD_GRACE_MS)
    if (stopping !== null && STRENGTH[stopping] >= STRENGTH[how]) return
    stopping = how
    abort.abort()
    // One that has not begun to train listens to nothing, and has nothing to lose.
    if (!isTraining) {
      trainer?.kill('SIGKILL')
      return
    }
    trainer?.send({ type: 'stop', how: how === 'CANCEL' ? 'CANCEL' : 'PAUSE' })
  }

  function hasRoom(): boolean {
    try {
      options.artifacts.check()
      return true
    } catch {
      return false
    }
  }

  function checkRecordable(): void {
    if (persistence.failure !== null) throw persistence.failure
    options.artifacts.check()
  }

  /** Resolves when the run has ended and that is recorded. Nobody is left to wait for room, or for the database's server: then it rejects. */
  async function recorded(): Promise<void> {
    let isOver = false
    const end = ended.then(() => {
      isOver = true
    })
    for (;;) {
      const late = new Promise((resolve) => setTimeout(resolve, CANCEL_GRACE_MS + RECORD_GRACE_MS).unref())
      await Promise.race([end, late])
      if (isOver) return
      try {
        checkRecordable()
      } catch (error) {
        if (!(error instanceof StorageFullError)) throw error
        throw new StorageFullError(
          `Run #${run.number} stops, and that is recorded as soon as it can be. ${error.message}`,
        )
      }
    }
  }

  function limit(milliseconds: number): void {
    const grace = setTimeout(() => trainer?.kill('SIGKILL'), milliseconds)
    void ended.finally(() => clearTimeout(grace))
  }

  function update(request: ControlRequest): Promise<ControlOutcome> {
    return new Promise((resolve) => {
      const id = nextUpdate++
      updates.set(id, { request, resolve })
      // Before it trains it listens to nothing but a stop.
      if (isTraining) sendUpdate(id, request.input)
    })
  }

  function sendUpdate(id: number, input: ControlInput): void {
    if (input.control === 'UPDATE') trainer?.send({ type: 'update', id, values: input.values })
  }

  async function work(): Promise<void> {
    const architecture = options.findArchitecture(run.architecture)
    if (architecture === undefined) {
      return fail({
        code: 'INTERNAL_ERROR',
        message: `The architecture ${run.architecture} is not in this zoo.`,
      })
    }
    const from = (await persist(() => checkpoints.resumable(run.id))) ?? []
    lastStep = from[0]?.step ?? 0
    // Or a data set would be fetched for nobody.
    if (stopping !== null) return endStopped(stopping, lastStep)
    let dataset: PreparedDataset
    try {
      const prepared = await persist(() => {
        abort.signal.throwIfAborted()
        return options.prepareDataset(run.dataset, abort.signal)
      })
      dataset = prepared!
    } catch (error) {
      if (stopping !== null) return endStopped(stopping, lastStep)
      return fail({
        code: 'DATASET_UNAVAILABLE',
        message: error instanceof Error ? error.message : String(error),
      })
    }
    if (stopping !== null) return endStopped(stopping, lastStep)
    if (from.length > 0 && run.datasetDigest !== null && run.datasetDigest !== dataset.digest) {
      return fail({
        code: 'DATASET_UNAVAILABLE',
        message: `The data set ${run.dataset} is not the one that the run began with (${run.datasetDigest}): it would go on as another run. Fork it: start one with initialWeights.`,
      })
    }

    let ending: TrainerEnding | undefined
    // Messages are handled one after the other: the journal keeps the trainer's order.
    let handled: Promise<void> = Promise.resolve()
    let broken: unknown
    let unhandled = 0
    const output = options.output.open(run, logger)
    const child = startChild<ToTrainer, FromTrainer>({
      entry: new URL('../../trainer/trainer-process.js', import.meta.url),
      onMessage(message) {
        unhandled += 1
        if (message.type === 'saved') {
          const { weights, state } = message.checkpoint
          finishedFiles.add(weights.staged).add(state.staged)
        }
        if (unhandled === MAX_UNHANDLED) child.send({ type: 'hold' })
        handled = handled
          // What follows one that is not in the journal must not be there either: a checkpoint would hide the gap.
          .then(() => (broken === undefined ? persist(() => handle(message)) : undefined))
          .then(() => {
            if (broken === undefined && message.type === 'updated') settle(message.id, { kind: 'applied' })
          })
          .catch((error: unknown) => {
            broken ??= error
            child.kill('SIGKILL')
          })
          .finally(() => {
            unhandled -= 1
            if (unhandled === 0) child.send({ type: 'goOn' })
          })
      },
      onOutput: output.push,
    })
    trainer = child
    const { architecture: name, attempt } = run
    logger.info({ trainer: child.pid, architecture: name, attempt }, 'trainer started')
    child.send({
      type: 'train',
      job: {
        architecture,
        hyperparameters,
        changes,
        seed: run.seed,
        pinned: pinnedOf(run),
        engine: options.engine,
        datasetFile: dataset.file,
        datasetDigest: dataset.digest,
        artifactsFolder: options.artifactsFolder,
        owner,
        from: from.map(({ step, digest, stateDigest }) => ({ step, weights: digest, state: stateDigest })),
        initialWeights: run.initialDigest,
        checkpoints: { everySteps: run.everySteps, everySeconds: run.everySeconds },
        metadata: {
          format: 'pt',
          architecture: architecture.name,
          seed: String(run.seed),
          preprocessing: JSON.stringify(trainedPreprocessing(dataset.facts, hyperparameters.normalization)),
        },
      },
    })
    const exit = await child.exited
    // What it did not finish may be what fills the disk, and what is left to record waits for room.
    await options.artifacts.tidy(owner, finishedFiles).catch(notTidied)
    await handled
    // Before the run ends: whoever hears of that can read the trainer's last words.
    await output.close()
    if (broken !== undefined) throw broken
    return ending === undefined ? endUntold(exit) : end(ending)

    async function handle(message: FromTrainer): Promise<void> {
      switch (message.type) {
        case 'updated':
          return recordUpdate(message)
        case 'refused':
          return settle(message.id, { kind: 'refused', reason: message.reason })
        case 'completed':
        case 'stopped':
        case 'failed':
          ending = message
          return
      }
      await record(message, dataset.digest)
      if ('progress' in message) lastStep = message.progress.step
      if (message.type !== 'started') return
      isTraining = true
      for (const [id, { request }] of updates) sendUpdate(id, request.input)
    }

    async function end(told: TrainerEnding): Promise<void> {
      switch (told.type) {
        case 'failed':
          // Whatever comes after a cancel, it is cancelled.
          if (stopping === 'CANCEL') return endStopped(stopping, lastStep)
          if (told.failure.code !== 'DATASET_UNAVAILABLE') return fail(told.failure)
          // The next attempt makes the file again.
          dataset.distrust()
          await persist(() => options.interruptions.interrupted(run.id, told.failure, true))
          return
        case 'stopped':
          return endStopped(stopping ?? told.how, told.step)
        case 'completed': {
          await persist(async () => {
            await checkpoints.settle(run.id)
            const checkpoint = await checkpoints.at(run.id, told.step)
            await journal.transition(run.id, 'COMPLETED', {
              patch: { evaluation: { ...told.evaluation }, ...finished() },
              // In the same transaction: whoever hears COMPLETED can predict with the result.
              within: async (tx) => {
                const evaluated = { ...run, evaluation: { ...told.evaluation } }
                await createTrainedVersion(tx, run.architecture, evaluated, checkpoint, dataset.facts)
              },
            })
          })
          logger.info({ accuracy: told.evaluation.accuracy }, 'run completed')
        }
      }
    }
  }

  async function recordUpdate({
    id,
    change,
    steps,
  }: Extract<FromTrainer, { type: 'updated' }>): Promise<void> {
    const changed = withChange(changes, change)
    const { epochs } = latestHyperparameters(hyperparameters, changed)
    const patch: RunPatch = { changes: changed as unknown as object[], epochs, steps }
    const rates = rateChangeAt(hyperparameters, changed, change.step, steps / epochs)
    const request = updates.get(id)?.request
    const applied = { kind: 'CONTROL_APPLIED', control: 'UPDATE', step: change.step } as const
    await journal.append(run.id, [{ ...applied, change: { ...change, ...rates } }], {
      ...patch,
      ...remembered(request === undefined ? [] : [request]),
    })
    changes = changed
  }

  function settle(id: number, outcome: ControlOutcome): void {
    updates.get(id)?.resolve(outcome)
    updates.delete(id)
  }

  /** The trainer is gone without having said how the run ended. */
  async function endUntold(exit: ChildExit): Promise<void> {
    if (stopping === 'CANCEL') return endStopped('CANCEL', lastStep)
    // What was trained since is lost: the run rests at its checkpoint.
    if (stopping !== null) {
      const newest = await persist(() => checkpoints.newest(run.id))
      return endStopped(stopping, newest?.step ?? 0, newest?.epoch ?? 0)
    }
    const failure = failureOfExit(exit)
    // It would run out of memory again.
    if (failure.code === 'OUT_OF_MEMORY') return fail(failure)
    logger.warn({ failure }, 'run interrupted')
    await persist(() => options.interruptions.interrupted(run.id, failure, true))
  }

  async function fail(failure: RunFailure): Promise<void> {
    logger.warn({ failure }, 'run failed')
    await persist(() => journal.transition(run.id, 'FAILED', { failure, patch: finished() }))
  }

  async function endStopped(how: Stop, step: number, epoch?: number): Promise<void> {
    if (how === 'SUSPEND') {
      await persist(() => options.interruptions.interrupted(run.id, SERVER_STOPPED, false))
      return
    }
    const control: RunEventBody = { kind: 'CONTROL_APPLIED', control: how, step }
    met = stops.filter(({ input }) => input.control === how)
    await persist(() =>
      journal.transition(run.id, how === 'CANCEL' ? 'CANCELLED' : 'PAUSED', {
        before: [control],
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
}

function finished() {
  return { finishedAt: new Date(), secondsRemaining: null }
}
