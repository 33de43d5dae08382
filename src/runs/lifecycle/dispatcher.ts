import type { Logger } from 'pino'
import { createTurns } from '../../concurrency/one-at-a-time.ts'
import { retry } from '../../concurrency/retry.ts'
import { createThrottle } from '../../concurrency/throttle.ts'
import type { PrismaClient, TrainingRun } from '../../db/generated/client.ts'
import { OverloadedError, TooManyRequestsError } from '../../errors.ts'
import type { RunQueue } from '../../ports/run-queue.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { LowWater } from '../../storage/low-water.ts'
import { SERVER_STOPPED } from '../model/failure.ts'
import { ACTIVE } from '../model/status.ts'
import type { Interruptions } from './interruption.ts'
import type { SupervisedRun } from './supervision/supervisor.ts'

const MAX_QUEUED = 100
const RETRY_AFTER_MS = 60_000
/** Between two lines of the log that as many runs of an owner wait as may. */
const LOG_EVERY_MS = 60_000

export interface DispatcherOptions {
  prisma: PrismaClient
  queue: RunQueue<TrainingRun>
  logger: Logger
  telemetry: Telemetry
  interruptions: Interruptions
  /** How many runs may be at work at once. */
  concurrency: number
  /** Of the disk that they write to: while it is low, none is at work. */
  lowWater: Pick<LowWater, 'problem' | 'watch'>
  /** How many runs of one owner may wait; null for as many as of all together. */
  queuedPerOwner: number | null
  supervise(run: TrainingRun): SupervisedRun
}

/** Says who may wait in the queue, takes from it what there is room for, and has that supervised. */
export interface Dispatcher {
  /** Puts back what a dead server left at work, or ends it. Before anything is started. */
  recover(): Promise<void>
  /**
   * Does what a person's request puts into the queue, if there is room; a run that was interrupted needs none. One at a
   * time: as many as came at once would all find the last place free. Throws OverloadedError, and TooManyRequestsError
   * where as many of the owner wait as may.
   */
  admit<Result>(ownerId: string, enqueue: () => Promise<Result>): Promise<Result>
  /** Starts waiting runs as long as there is room. */
  pump(): Promise<void>
  /** The run at work with this id, if there is one. */
  active(id: string): SupervisedRun | undefined
  counts(): Promise<{ running: number; queued: number }>
  /** Starts nothing any more and suspends what is at work; answers the ids of these runs. */
  close(): Promise<string[]>
}

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const {
    prisma,
    queue,
    logger,
    telemetry,
    concurrency,
    queuedPerOwner,
    lowWater,
    supervise,
    interruptions,
  } = options
  const active = new Map<string, SupervisedRun>()
  let pumping: Promise<void> = Promise.resolve()
  const closing = new AbortController()
  const inTurn = createTurns()
  const isTimeToLog = createThrottle(LOG_EVERY_MS)
  const countQueued = () => prisma.trainingRun.count({ where: { status: 'QUEUED' } })
  const counts = async () => ({ running: active.size, queued: await countQueued() })
  let isRetrying = false
  const unwatch = queue.watch(pumpUntilDone)
  const unwatchDisk = lowWater.watch(heedDisk)

  async function startWaiting(): Promise<void> {
    while (!closing.signal.aborted && active.size < concurrency && lowWater.problem() === null) {
      const run = await queue.take()
      if (run === null) return
      begin(run)
    }
  }

  function begin(run: TrainingRun): void {
    const supervised = supervise(run)
    active.set(run.id, supervised)
    void supervised.ended.then(() => {
      active.delete(run.id)
      queue.release(run.id)
    })
    if (closing.signal.aborted) supervised.suspend()
    else if (lowWater.problem() !== null) supervised.wait()
  }

  function heedDisk(): void {
    const problem = lowWater.problem()
    if (problem === null) {
      logger.info('the disk has room again, and the queue goes on')
      pumpUntilDone()
    } else {
      logger.warn({ runs: active.size }, problem)
      for (const supervised of active.values()) supervised.wait()
    }
  }

  async function checkOwner(ownerId: string, most: number): Promise<void> {
    const queued = await prisma.trainingRun.count({ where: { status: 'QUEUED', ownerId } })
    if (queued < most) return
    if (isTimeToLog(ownerId)) logger.warn({ limit: 'queued', who: `owner ${ownerId}` }, 'a limit was reached')
    const message = `${queued} runs of ${ownerId} are queued already, which is the limit. Cancel one or try again later.`
    throw new TooManyRequestsError(message, RETRY_AFTER_MS)
  }

  async function measure(): Promise<void> {
    if (closing.signal.aborted) return
    const { running, queued } = await counts()
    telemetry.record({ kind: 'queue', queuedRuns: queued, runningRuns: running })
  }

  function pump(): Promise<void> {
    pumping = pumping.catch(() => {}).then(startWaiting)
    // Nobody waits for it, and nothing hangs on it.
    pumping.then(measure).catch(() => {})
    return pumping
  }

  /** In the background, again and again until it has been done. */
  function pumpUntilDone(): void {
    pump().catch((error: unknown) => {
      if (isRetrying || closing.signal.aborted) return
      logger.error({ err: error }, 'the queue could not start a run; it tries again')
      isRetrying = true
      retry(pump, () => true, closing.signal)
        // It was closed meanwhile.
        .catch(() => {})
        .finally(() => {
          isRetrying = false
        })
    })
  }

  return {
    async recover() {
      // The trainers of a dead server died with it (process/lifeline.ts), so nobody works for these.
      const left = await prisma.trainingRun.findMany({
        where: { status: { in: [...ACTIVE] } },
        select: { id: true },
      })
      for (const { id } of left) await interruptions.interrupted(id, SERVER_STOPPED, true)
    },
    admit: (ownerId, enqueue) =>
      inTurn(async () => {
        const queued = await countQueued()
        if (queued >= MAX_QUEUED) {
          const message = `${queued} runs are queued already. Cancel one or try again later.`
          throw new OverloadedError(message, RETRY_AFTER_MS, queued)
        }
        if (queuedPerOwner !== null && queued >= queuedPerOwner) await checkOwner(ownerId, queuedPerOwner)
        return enqueue()
      }),
    pump,
    active: (id) => active.get(id),
    counts,
    async close() {
      closing.abort()
      unwatch()
      unwatchDisk()
      await pumping.catch(() => {})
      const ended = [...active]
      for (const [, supervised] of ended) supervised.suspend()
      await Promise.all(ended.map(([, supervised]) => supervised.ended))
      return ended.map(([id]) => id)
    },
  }
}
