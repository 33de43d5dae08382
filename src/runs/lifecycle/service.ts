import { randomInt } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import type { Logger } from 'pino'
import { flatMap, followChanges } from '../../concurrency/iterate.ts'
import type { DatasetFacts } from '../../data/dataset-facts.ts'
import type { Checkpoint, Prisma, PrismaClient, RunAttempt, TrainingRun } from '../../db/generated/client.ts'
import { PrismaClientKnownRequestError } from '../../db/generated/internal/prismaNamespace.ts'
import { ConflictError, OverloadedError, ValidationError } from '../../errors.ts'
import type { WeightsKeeper } from '../../models/weights-keeper.ts'
import type { OpenBus } from '../../ports/bus.ts'
import type { Architecture } from '../../zoo/architecture.ts'
import type { ArchitectureRegistry } from '../../zoo/registry.ts'
import { type BucketChange, followBuckets } from '../history/follow-buckets.ts'
import { createRunHistory, type RunHistory } from '../history/history.ts'
import { readPinned } from '../history/pinned.ts'
import { followRun } from '../journal/follow.ts'
import { createJournal } from '../journal/journal.ts'
import { type ControlAsked, checkControl } from '../model/controls.ts'
import type { Lagged, RunEvent, RunPoint } from '../model/events.ts'
import type { PinnedEpoch } from '../model/pinned.ts'
import { FINAL } from '../model/status.ts'
import { createRunOutput, type RunOutput } from '../output/output.ts'
import { createVerifier, type Verifier } from '../reproduction/verifier.ts'
import { createCheckpoints } from './checkpoints.ts'
import { createController } from './controller.ts'
import { findRun, noRun } from './find-run.ts'
import {
  findInitialWeights,
  type InitialWeights,
  initialWeightsOf,
  type WeightsRef,
} from './initial-weights.ts'
import { createInterruptions, type RestartPolicy } from './interruption.ts'
import { createRunQueue } from './queue.ts'
import { type SupervisorOptions, superviseRun } from './supervisor.ts'
import { isSameRun, resolveRun, type StartRunInput, type WantedRun } from './wanted-run.ts'

/** For streams to deliver their last event when the server stops. */
const FAREWELL_MS = 1000
const MAX_SEED = 2 ** 31 - 1

/** A run as it is now, or as it was when it was deleted. */
export type RunChange = { kind: 'changed' | 'deleted'; run: TrainingRun }

export interface RunService {
  /** Queues a run. Throws ValidationError, ConflictError (the key was used for another run), OverloadedError. */
  start(input: StartRunInput): Promise<TrainingRun>
  /** See Controller. Throws ValidationError for values out of bounds, too. */
  control(id: string, input: ControlAsked, idempotencyKey?: string): Promise<TrainingRun>
  /** Deletes a run that has ended, with its journal, its output and its checkpoints; model versions made of it stay. Answers what it was. Throws NotFoundError, ConflictError. */
  delete(id: string): Promise<TrainingRun>
  /** The run's events after a cursor; throws NotFoundError, or ValidationError for a cursor that is ahead of the journal. */
  follow(id: string, after: number): Promise<AsyncIterableIterator<RunEvent | Lagged>>
  /** What the trainers print. */
  readonly output: RunOutput
  /** The run's loss points behind a place (RunHistory.placeBehind), as the journal has them. Throws NotFoundError. */
  followLoss(id: string, step: number, attempt?: number): Promise<AsyncIterableIterator<RunPoint>>
  /** The effective loss history, thinned to so many points, and how it changes. Throws NotFoundError. */
  followBuckets(id: string, maxPoints: number): Promise<AsyncIterableIterator<BucketChange>>
  /** Runs whose row changed, each as it is when the subscriber takes it, and those that were deleted. */
  followChanges(): AsyncIterableIterator<RunChange>
  list(query: Prisma.TrainingRunFindManyArgs): Promise<TrainingRun[]>
  count(where: Prisma.TrainingRunWhereInput): Promise<number>
  find(query: Prisma.TrainingRunFindUniqueArgs): Promise<TrainingRun | null>
  get(query: Prisma.TrainingRunFindUniqueOrThrowArgs): Promise<TrainingRun>
  listCheckpoints(query: Prisma.CheckpointFindManyArgs): Promise<Checkpoint[]>
  findCheckpoint(query: Prisma.CheckpointFindUniqueArgs): Promise<Checkpoint | null>
  attempts(id: string): Promise<RunAttempt[]>
  /** What was said of the pinned pictures, by epoch. */
  pinned(id: string): Promise<PinnedEpoch[]>
  losses: RunHistory['losses']
  epochs: RunHistory['epochs']
  verify: Verifier['verify']
  /** What is at work and what waits. */
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
  extends Omit<SupervisorOptions, 'journal' | 'checkpoints' | 'interruptions' | 'output'>,
    RestartPolicy {
  prisma: PrismaClient
  openBus: OpenBus
  keeper: WeightsKeeper
  logger: Logger
  /** The architecture as it trains on the data set, or undefined where there is no such architecture. */
  findArchitecture(name: string): Architecture | undefined
  /** What a run is started with stays in the zoo. */
  architectures: Pick<ArchitectureRegistry, 'using'>
  /** The most parameters that a network may have to be trained. */
  maxParameters: number
  datasets: readonly string[]
  /** What is known of one of them, also before it is there. */
  datasetFacts(name: string): DatasetFacts | undefined
  concurrency: number
}

export function createRunService(options: RunServiceOptions): RunService {
  const { prisma } = options
  const events = options.openBus<RunEvent>('run events')
  const changes = options.openBus<string>('changed runs')
  const deletions = options.openBus<TrainingRun>('deleted runs')
  const journal = createJournal(prisma, events, changes)
  const output = createRunOutput(prisma, events, options.openBus('run output'), journal)
  const history = createRunHistory(prisma)
  const checkpoints = createCheckpoints(prisma, journal, options.keeper)
  const interruptions = createInterruptions(prisma, journal, checkpoints, options)
  const queue = createRunQueue({
    prisma,
    journal,
    logger: options.logger,
    interruptions,
    concurrency: options.concurrency,
    supervise: (run) => superviseRun(run, { ...options, journal, checkpoints, interruptions, output }),
  })
  const verifier = createVerifier({ ...options, history, checkpoints })
  const control = createController({ prisma, journal, queue, checkpoints })

  const find = (id: string) => findRun(prisma, id)

  async function started(key: string | undefined, wanted: WantedRun): Promise<TrainingRun | null> {
    if (key === undefined) return null
    const run = await prisma.trainingRun.findUnique({ where: { idempotencyKey: key } })
    if (run !== null && !isSameRun(run, wanted)) {
      throw new ConflictError(`The idempotency key "${key}" was used for another run (#${run.number}).`)
    }
    return run
  }

  async function start(input: StartRunInput): Promise<TrainingRun> {
    const { initialWeights } = input
    if (initialWeights === undefined) return begin(input, null)
    // Until the run names them, too, they must not go.
    return options.keeper.using(async () => begin(input, await initialOf(input, initialWeights)))
  }

  async function initialOf({ idempotencyKey }: StartRunInput, ref: WeightsRef): Promise<InitialWeights> {
    try {
      return await findInitialWeights(prisma, ref)
    } catch (error) {
      if (idempotencyKey === undefined) throw error
      // The run that was started with this key may have outlived the checkpoint.
      const run = await prisma.trainingRun.findUnique({ where: { idempotencyKey } })
      const initial = run && initialWeightsOf(run)
      if (initial === null) throw error
      return initial
    }
  }

  async function begin(input: StartRunInput, initial: InitialWeights | null): Promise<TrainingRun> {
    const wanted = resolveRun(input, options, initial)
    const existing = await started(input.idempotencyKey, wanted)
    if (existing !== null) return existing
    let run: TrainingRun
    try {
      const create = (data: Prisma.TrainingRunUncheckedCreateInput) => () =>
        prisma.trainingRun.create({ data })
      run = await queue.admit(
        create({
          name: wanted.name,
          architecture: wanted.architecture,
          dataset: wanted.dataset,
          hyperparameters: wanted.hyperparameters as unknown as Prisma.InputJsonObject,
          epochs: wanted.hyperparameters.epochs,
          seed: wanted.seed ?? randomInt(MAX_SEED + 1),
          ...wanted.checkpoints,
          priority: wanted.priority,
          initialDigest: initial?.digest,
          parentId: initial?.parentId,
          parentStep: initial?.parentStep,
          pinned: wanted.pinned as unknown as Prisma.InputJsonArray,
          idempotencyKey: input.idempotencyKey,
        }),
      )
    } catch (error) {
      // Two requests with one key at once: the other one was first, and may have got the last place in the queue.
      const isDuplicate = error instanceof PrismaClientKnownRequestError && error.code === 'P2002'
      const first =
        isDuplicate || error instanceof OverloadedError ? await started(input.idempotencyKey, wanted) : null
      if (first === null) throw error
      return first
    }
    changes.publish('runs', run.id)
    queue.wake()
    return run
  }

  return {
    start: (input) => options.architectures.using(input.architecture, () => start(input)),
    async control(id, input, key) {
      return control(id, { input: checkControl(input), key })
    },
    async delete(id) {
      const { initialDigest } = await find(id)
      const checkpoints = await prisma.checkpoint.findMany({ where: { runId: id } })
      const digests = [initialDigest, ...checkpoints.flatMap((it) => [it.digest, it.stateDigest])]
      const forget = () =>
        prisma.$transaction(async (tx) => {
          const run = await tx.trainingRun.findUnique({ where: { id } })
          if (run === null) throw noRun()
          // Asked again in the statement: it may have been taken up again meanwhile.
          const { count } = await tx.trainingRun.deleteMany({ where: { id, status: { in: [...FINAL] } } })
          if (count > 0) return run
          throw new ConflictError(`Run #${run.number} is ${run.status}; cancel it before it is deleted.`)
        })
      const run = await options.keeper.release(
        digests.filter((digest) => digest !== null),
        forget,
      )
      verifier.forget(id)
      deletions.publish('runs', run)
      return run
    },
    async follow(id, after) {
      const { lastSeq } = await find(id)
      if (after > lastSeq) {
        const message = `The cursor is ahead of the run's log, which ends at ${lastSeq}; it belongs to another run.`
        throw new ValidationError([{ path: ['after'], message }])
      }
      return followRun({ journal, bus: events }, id, after)
    },
    async followLoss(id, step, attempt) {
      // Before the points are looked at: one that is written meanwhile comes behind this place in the journal.
      const { lastSeq } = await find(id)
      const { seq, isNew } = await history.placeBehind(id, step, attempt)
      return flatMap(followRun({ journal, bus: events }, id, seq === null ? lastSeq : seq - 1), (event) =>
        event.kind === 'LOSS_POINTS' ? event.points.filter(isNew) : [],
      )
    },
    output,
    async followBuckets(id, maxPoints) {
      const { lastSeq: seq } = await find(id)
      return followBuckets(prisma, { journal, bus: events }, id, { seq, maxPoints })
    },
    followChanges() {
      const changed = followChanges<TrainingRun | null>((listener) => {
        const detach = [
          changes.subscribe('runs', (id) => listener(id, null)),
          deletions.subscribe('runs', (run) => listener(run.id, run)),
        ]
        return () => {
          for (const end of detach) end()
        }
      })
      return flatMap(changed, async ({ id, news }): Promise<RunChange[]> => {
        if (news !== null) return [{ kind: 'deleted', run: news }]
        // Of one that was deleted at this moment the next news will tell.
        const run = await prisma.trainingRun.findUnique({ where: { id } })
        return run === null ? [] : [{ kind: 'changed', run }]
      })
    },
    list: (query) => prisma.trainingRun.findMany(query),
    count: (where) => prisma.trainingRun.count({ where }),
    find: (query) => prisma.trainingRun.findUnique(query),
    get: (query) => prisma.trainingRun.findUniqueOrThrow(query),
    listCheckpoints: (query) => prisma.checkpoint.findMany(query),
    findCheckpoint: (query) => prisma.checkpoint.findUnique(query),
    attempts: (runId) => prisma.runAttempt.findMany({ where: { runId }, orderBy: { attempt: 'asc' } }),
    pinned: (runId) => readPinned(prisma, runId),
    losses: history.losses,
    epochs: history.epochs,
    verify: verifier.verify,
    counts: queue.counts,
    get listenerCount() {
      return events.listenerCount + changes.listenerCount + deletions.listenerCount
    },
    async recover() {
      await queue.recover()
      await checkpoints.sweep()
    },
    startQueue: queue.pump,
    async close() {
      const [ended] = await Promise.all([queue.close(), verifier.close()])
      // Who watches these runs is still being told how they ended; a reader that is stuck is not waited for.
      const told = Promise.all(ended.map((id) => events.quiet(id)))
      await Promise.race([told, setTimeout(FAREWELL_MS, undefined, { ref: false })])
    },
  }
}
