import type { Logger } from 'pino'
import { DamagedDatasetError } from '../../data/errors.ts'
import type { PrismaClient } from '../../db/generated/client.ts'
import { type EngineKind, type EngineReport, NAME_OF_KIND } from '../../engine/report.ts'
import { ConflictError, OverloadedError, ValidationError } from '../../errors.ts'
import type { ArtifactStore } from '../../ports/artifact-store.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { Trainers, TrainingJob } from '../../trainer/protocol.ts'
import { makersOf } from '../history/attempts.ts'
import type { RunHistory } from '../history/history.ts'
import { findRun, noRun } from '../journal/find-run.ts'
import type { Checkpoints } from '../lifecycle/checkpoints.ts'
import type { KeptResults } from '../lifecycle/kept-results.ts'
import type { PreparedDataset, TrainingInputs } from '../lifecycle/supervision/prepare.ts'
import { transferJobOf } from '../lifecycle/transfer.ts'
import { type Run, type RunAttempt, toAttempt, toRun } from '../model/run.ts'
import { type ComparedPoint, firstDifference, type LossDifference } from './first-difference.ts'
import { type TrainedAgain, trainAgain } from './train-again.ts'

/** Trained again by one verification at most: somebody waits for it. As many loss points fit one read. */
export const MAX_VERIFIED_STEPS = 10_000
/** Until one was measured. */
const FIRST_GUESS_MS = 30_000

/** What came of training the first steps of a run again. */
export interface Reproduction {
  /** Steps trained and compared: to the end of the window that the wanted ones end in. */
  steps: number
  /** Loss points compared. */
  points: number
  firstDifference: LossDifference | null
  /** What trained them again: of the kind that made the first of them. */
  engine: EngineReport
  /** The attempts that made them, as far as they count, in their order. */
  attempts: RunAttempt[]
}

/** Trains first steps of runs again, one at a time, and writes nothing down. */
export interface Verifier {
  /**
   * Trains the first steps of a run again, in a process of its own and beside whatever is at work, and compares their
   * losses with those of the run's effective history.
   * @param steps  1 to MAX_VERIFIED_STEPS
   * @param gone   aborts when nobody waits for the answer any more: that ends it
   * @throws NotFoundError; ValidationError, when the run has fewer steps; ConflictError, when it cannot be trained again
   *   here; OverloadedError, when a verification is at work
   */
  verify(runId: string, steps: number, gone?: AbortSignal): Promise<Reproduction>
  /** The run was deleted: nobody needs to know any more. */
  forget(runId: string): void
  /** Ends what is at work, and refuses what comes. */
  close(): Promise<void>
}

export interface VerifierOptions extends TrainingInputs {
  prisma: PrismaClient
  logger: Logger
  trainers: Trainers
  telemetry: Telemetry
  history: Pick<RunHistory, 'losses'>
  checkpoints: Pick<Checkpoints, 'newest'>
  keptResults: Pick<KeptResults, 'release'>
  artifacts: Pick<ArtifactStore, 'tidy'>
  artifactsFolder: string
}

export function createVerifier(options: VerifierOptions): Verifier {
  const { prisma, logger, history, checkpoints } = options
  let atWork: { runId: string; abort: AbortController; done: Promise<unknown> } | undefined
  let tookMs = FIRST_GUESS_MS
  let closed = false

  async function verify(runId: string, steps: number, signal: AbortSignal): Promise<Reproduction> {
    // The points first: the changes that made them are in what is read of the run after that.
    const points = await history.losses(runId, { afterStep: 0, maxPoints: null, view: 'EFFECTIVE' })
    const run = toRun(await findRun(prisma, runId))
    const stored = upTo(steps, points, run, await lastStep(run))
    const until = stored.at(-1)!.step
    const attempts = await makers(runId, until)
    // Each has one: it began to train.
    const { kind } = attempts[0].engine
    const { engine, points: again } = await trained(run, kind, until, signal).finally(() => tidy(run))
    if (engine.kind !== kind) {
      throw new ConflictError(
        `Run #${run.number} was trained on ${kind}, but here is ${engine.kind}, which rounds otherwise.`,
      )
    }
    return {
      steps: until,
      points: stored.length,
      firstDifference: firstDifference(stored, again),
      engine,
      attempts,
    }
  }

  async function tidy(run: Run): Promise<void> {
    try {
      await options.artifacts.tidy(ownerOf(run))
      await options.keptResults.release(run)
    } catch (error) {
      logger.warn({ err: error }, 'tidying after a verification')
    }
  }

  async function makers(runId: string, until: number): Promise<RunAttempt[]> {
    const rows = await prisma.runAttempt.findMany({ where: { runId }, orderBy: { attempt: 'asc' } })
    const made = makersOf(rows, until)
    return rows.filter(({ attempt }) => made.includes(attempt)).map(toAttempt)
  }

  /**
   * A change that is made while nobody trains counts from the newest checkpoint on. Points behind it are of steps that
   * were trained before, without the change, and would have to be trained again to count.
   */
  async function lastStep(run: Run): Promise<number> {
    const isChanged = run.changes.length > 0
    if (!isChanged || run.status === 'RUNNING' || run.status === 'COMPLETED') return Number.POSITIVE_INFINITY
    return (await checkpoints.newest(run.id))?.step ?? 0
  }

  /** A data set that the trainer finds damaged is made again, and the run trained again, once. */
  async function trained(
    run: Run,
    kind: EngineKind,
    until: number,
    signal: AbortSignal,
  ): Promise<TrainedAgain> {
    for (let mended = false; ; mended = true) {
      const dataset = await datasetOf(run, signal)
      try {
        return await trainAgain(
          jobOf(run, kind, until, dataset),
          options,
          logger.child({ run: run.number }),
          signal,
        )
      } catch (error) {
        if (!(error instanceof DamagedDatasetError)) throw error
        dataset.distrust()
        if (mended) throw new ConflictError(`The run could not be trained again. ${error.message}`)
      }
    }
  }

  async function datasetOf(run: Run, signal: AbortSignal): Promise<PreparedDataset> {
    const dataset = await options.prepareDataset(run.dataset, signal).catch((error: unknown) => {
      if (signal.aborted) throw signal.reason
      const why = error instanceof Error ? error.message : String(error)
      throw new ConflictError(`Run #${run.number} cannot be trained again without its data set. ${why}`)
    })
    if (dataset.digest !== run.datasetDigest) {
      throw new ConflictError(
        `The data set ${run.dataset} here (${dataset.digest}) is not the one that run #${run.number} learned from (${run.datasetDigest}).`,
      )
    }
    return dataset
  }

  function jobOf(run: Run, kind: EngineKind, until: number, dataset: PreparedDataset): TrainingJob {
    const architecture = options.findArchitecture(run.architecture, run.dataset)
    if (architecture === undefined) {
      throw new ConflictError(
        `The architecture ${run.architecture} of run #${run.number} is not in this zoo.`,
      )
    }
    return {
      architecture,
      hyperparameters: run.hyperparameters,
      changes: run.changes,
      seed: run.seed,
      pinned: [],
      engine: NAME_OF_KIND[kind],
      datasetFile: dataset.file,
      datasetDigest: dataset.digest,
      artifactsFolder: options.artifactsFolder,
      owner: ownerOf(run),
      from: [],
      transfer: transferJobOf(run),
      checkpoints: { everyEpochs: 1, keepBest: 0, everySteps: null, everySeconds: null },
      metadata: {},
      until,
    }
  }

  return {
    async verify(runId, steps, gone) {
      if (closed) throw stopping()
      if (!Number.isInteger(steps) || steps < 1 || steps > MAX_VERIFIED_STEPS) {
        throw invalid(`From 1 to ${MAX_VERIFIED_STEPS}, not ${steps}.`)
      }
      if (atWork !== undefined) {
        const message = `A run is being verified. Try again in ${Math.ceil(tookMs / 1000)} s.`
        throw new OverloadedError(message, Math.round(tookMs), 1)
      }
      const abort = new AbortController()
      const began = performance.now()
      const leave = () => abort.abort(new ConflictError('Nobody waits for the verification any more.'))
      if (gone?.aborted) leave()
      gone?.addEventListener('abort', leave, { once: true })
      const done = verify(runId, steps, abort.signal)
      atWork = { runId, abort, done }
      try {
        const result = await done
        tookMs = performance.now() - began
        return result
      } finally {
        atWork = undefined
        gone?.removeEventListener('abort', leave)
      }
    },
    forget(runId) {
      if (atWork?.runId === runId) atWork.abort.abort(noRun())
    },
    async close() {
      closed = true
      atWork?.abort.abort(stopping())
      await atWork?.done.catch(() => {})
    },
  }
}

/** The owner of what a verification stages in the store. */
function ownerOf({ id }: Pick<Run, 'id'>): string {
  return `verify-${id}`
}

/**
 * The points up to the first one that has the wanted steps in it.
 * @param end  the last step that may be compared
 */
function upTo<Point extends ComparedPoint>(
  steps: number,
  points: readonly Point[],
  { number }: Pick<Run, 'number'>,
  end: number,
): Point[] {
  const last = points.findIndex(({ step }) => step >= steps)
  if (last < 0 || points[last].step > end) {
    const trained = points.findLast(({ step }) => step <= end)?.step ?? 0
    throw invalid(
      `Run #${number} has the losses of ${trained} steps that can be trained again, not of ${steps}.`,
    )
  }
  const { step } = points[last]
  if (step > MAX_VERIFIED_STEPS) {
    throw invalid(
      `The loss point with step ${steps} is that of step ${step}; at most ${MAX_VERIFIED_STEPS} steps are trained again.`,
    )
  }
  return points.slice(0, last + 1)
}

function invalid(message: string): ValidationError {
  return new ValidationError([{ path: ['steps'], message }])
}

function stopping(): OverloadedError {
  return new OverloadedError('The server is stopping. Try again when it is back.', FIRST_GUESS_MS, 0)
}
