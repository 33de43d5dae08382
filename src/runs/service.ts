import { setTimeout } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Owned } from '../access/viewer.ts'
import type { Checkpoint, Prisma, PrismaClient, TrainingRun } from '../db/generated/client.ts'
import type { WeightsKeeper } from '../models/weights-keeper.ts'
import type { ArtifactStore } from '../ports/artifact-store.ts'
import type { OpenBus } from '../ports/bus.ts'
import type { OpenRunQueue } from '../ports/run-queue.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import type { LowWater } from '../storage/low-water.ts'
import { createRunHistory, type RunHistory } from './history/history.ts'
import { readPinned } from './history/pinned.ts'
import { createRunStreams, type DeletedRun, type RunStreams } from './history/streams.ts'
import { findRun } from './journal/find-run.ts'
import { ALL_RUNS, createJournal, type Journal } from './journal/journal.ts'
import { createCheckpoints } from './lifecycle/checkpoints.ts'
import { createController } from './lifecycle/control/controller.ts'
import { runsThatNeed } from './lifecycle/data-need.ts'
import { deleteRun } from './lifecycle/delete.ts'
import { createDispatcher } from './lifecycle/dispatcher.ts'
import { createInterruptions, type RestartPolicy } from './lifecycle/interruption.ts'
import { createKeptResults } from './lifecycle/kept-results.ts'
import { waitingRuns } from './lifecycle/queue.ts'
import { type RenameInput, renameRun } from './lifecycle/rename.ts'
import { createStart, type StartOptions } from './lifecycle/start.ts'
import { type SupervisorOptions, superviseRun } from './lifecycle/supervision/supervisor.ts'
import type { StartRunInput } from './lifecycle/wanted-run.ts'
import { type ControlAsked, type ControlRequest, checkControl } from './model/controls.ts'
import type { RunEvent } from './model/events.ts'
import type { PinnedEpoch } from './model/pinned.ts'
import { type RunAttempt, toAttempt } from './model/run.ts'
import { createRunOutput, type RunOutput } from './output/output.ts'
import { createVerifier, type Verifier } from './reproduction/verifier.ts'

/** For streams to deliver their last event when the server stops. */
const FAREWELL_MS = 1000

export interface RunService extends RunStreams {
  /** Queues a run. Throws ValidationError, ConflictError (the key was used for another run), OverloadedError, TooManyRequestsError. */
  start(input: StartRunInput): Promise<TrainingRun>
  /** See Controller. Throws ValidationError for values out of bounds, too. */
  control(id: string, input: ControlAsked, by?: Omit<ControlRequest, 'input'>): Promise<TrainingRun>
  /** See renameRun; answers the run as it is then. */
  rename(id: string, input: RenameInput): Promise<TrainingRun>
  /** See deleteRun. */
  delete(id: string): Promise<TrainingRun>
  /** What the trainers print. */
  readonly output: RunOutput
  list(query: Prisma.TrainingRunFindManyArgs): Promise<TrainingRun[]>
  count(where: Prisma.TrainingRunWhereInput): Promise<number>
  find(query: Prisma.TrainingRunFindUniqueArgs): Promise<TrainingRun | null>
  get(query: Prisma.TrainingRunFindUniqueOrThrowArgs): Promise<TrainingRun>
  /** Null when there is no such run. */
  ownerOf(id: string): Promise<Owned | null>
  listCheckpoints(query: Prisma.CheckpointFindManyArgs): Promise<Checkpoint[]>
  findCheckpoint(query: Prisma.CheckpointFindUniqueArgs): Promise<Checkpoint | null>
  attempts(id: string): Promise<RunAttempt[]>
  /** Each status that it went to, in order. */
  statusChanges: Journal['statusChanges']
  /** What was said of the pinned pictures, by epoch. */
  pinned(id: string): Promise<PinnedEpoch[]>
  losses: RunHistory['losses']
  epochs: RunHistory['epochs']
  verify: Verifier['verify']
  /** The runs that need one of these data sets still, as people call them. */
  thatNeed(datasets: readonly string[]): Promise<string[]>
  /** The number of runs at work, and of those that wait. */
  counts(): Promise<{ running: number; queued: number }>
  /** Subscriptions that are open now. */
  readonly listenerCount: number
  /** Gives what a dead server left at work its true status. */
  recover(): Promise<void>
  /** Starts what waits. */
  startQueue(): Promise<void>
  /** Suspends what is at work, for the next start to go on with, and lets its watchers hear of it. */
  close(): Promise<void>
}

export interface RunServiceOptions
  extends Omit<
      SupervisorOptions,
      'journal' | 'history' | 'checkpoints' | 'interruptions' | 'keptResults' | 'output' | 'artifacts'
    >,
    Omit<StartOptions, 'dispatcher' | 'keeper'>,
    RestartPolicy {
  prisma: PrismaClient
  openBus: OpenBus
  openRunQueue: OpenRunQueue
  keeper: WeightsKeeper
  artifacts: Pick<ArtifactStore, 'tidy' | 'check' | 'removeDerived'>
  logger: Logger
  telemetry: Telemetry
  /** Called when a run has ended: webhooks are told of it. */
  ended?: () => void
  /** How many runs may be at work at once. */
  concurrency: number
  lowWater: LowWater
  /** How many runs of one owner may wait; null for as many as of all together. */
  queuedPerOwner: number | null
}

export function createRunService(options: RunServiceOptions): RunService {
  const { prisma, openBus, openRunQueue, keeper, logger, telemetry, concurrency, lowWater, queuedPerOwner } =
    options
  const events = openBus<RunEvent>('run events')
  const changedRuns = openBus<string | DeletedRun>('changed runs')
  const journal = createJournal(prisma, events, changedRuns, telemetry, options.tracing, options.ended)
  const output = createRunOutput(prisma, events, openBus('run output'), journal)
  const history = createRunHistory(prisma)
  const streams = createRunStreams({
    prisma,
    journal,
    bus: events,
    history,
    changedRuns,
    telemetry,
  })
  const checkpoints = createCheckpoints(prisma, journal, keeper)
  const interruptions = createInterruptions(prisma, journal, checkpoints, options)
  const keptResults = createKeptResults(prisma, options.artifacts)
  const parts = { ...options, journal, checkpoints, interruptions, keptResults, output, history }
  const supervise = (run: TrainingRun) => superviseRun(run, parts)
  const queue = openRunQueue(waitingRuns(prisma, journal))
  const dispatcher = createDispatcher({
    prisma,
    queue,
    logger,
    telemetry,
    interruptions,
    concurrency,
    lowWater,
    queuedPerOwner,
    supervise,
  })
  const verifier = createVerifier(parts)
  const control = createController({ prisma, journal, dispatcher, queue, checkpoints, keptResults })
  const start = createStart({ ...options, dispatcher })

  return {
    ...streams,
    async start(input) {
      const { run, isNew } = await start(input)
      if (isNew) {
        changedRuns.publish(ALL_RUNS, run.id)
        queue.wake()
      }
      return run
    },
    async control(id, input, by = { key: undefined }) {
      return control(id, { input: checkControl(input), ...by })
    },
    async rename(id, input) {
      await renameRun(journal, id, input)
      return findRun(prisma, id)
    },
    async delete(id) {
      const run = await deleteRun(prisma, keeper, options.changedModels, id)
      verifier.forget(id)
      journal.forget(id)
      const { number, name, status } = run
      changedRuns.publish(ALL_RUNS, { id, number, name, status })
      return run
    },
    output,
    list: (query) => prisma.trainingRun.findMany(query),
    count: (where) => prisma.trainingRun.count({ where }),
    find: (query) => prisma.trainingRun.findUnique(query),
    get: (query) => prisma.trainingRun.findUniqueOrThrow(query),
    async ownerOf(id) {
      const run = await prisma.trainingRun.findUnique({
        where: { id },
        select: { ownerId: true, number: true },
      })
      return run && { ownerId: run.ownerId, what: `Run #${run.number}` }
    },
    listCheckpoints: (query) => prisma.checkpoint.findMany(query),
    findCheckpoint: (query) => prisma.checkpoint.findUnique(query),
    async attempts(runId) {
      const rows = await prisma.runAttempt.findMany({ where: { runId }, orderBy: { attempt: 'asc' } })
      return rows.map(toAttempt)
    },
    statusChanges: (runId) => journal.statusChanges(runId),
    pinned: (runId) => readPinned(prisma, runId),
    losses: history.losses,
    epochs: history.epochs,
    verify: verifier.verify,
    thatNeed: (datasets) => runsThatNeed(prisma, datasets),
    counts: dispatcher.counts,
    get listenerCount() {
      return events.listenerCount + changedRuns.listenerCount
    },
    async recover() {
      await dispatcher.recover()
      await checkpoints.sweep()
      await keptResults.sweep()
    },
    startQueue: dispatcher.pump,
    async close() {
      const [ended] = await Promise.all([dispatcher.close(), verifier.close()])
      // Who watches these runs is still being told how they ended; a reader that is stuck is not waited for.
      const told = Promise.all(ended.map((id) => events.quiet(id)))
      await Promise.race([told, setTimeout(FAREWELL_MS, undefined, { ref: false })])
    },
  }
}
