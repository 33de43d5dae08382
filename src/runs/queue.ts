import type { Logger } from 'pino'
import type { PrismaClient, TrainingRun } from '../db/generated/client.ts'
import type { RunFailure } from './failure.ts'
import type { RunLog } from './log.ts'
import { ACTIVE } from './status.ts'
import type { SupervisedRun } from './supervisor.ts'

const SERVER_STOPPED: RunFailure = {
  code: 'SERVER_STOPPED',
  message: 'The server stopped while the run was at work. Start the run again.',
}

export interface QueueOptions {
  prisma: PrismaClient
  log: RunLog
  logger: Logger
  /** How many runs may be at work at once. */
  concurrency: number
  supervise(run: TrainingRun): SupervisedRun
}

/** Runs wait in the database, in the order of their numbers, and are started here. */
export interface RunQueue {
  /** Gives what a dead server left at work its true status. Before anything is started. */
  recover(): Promise<void>
  /** Starts waiting runs as long as there is room. */
  pump(): Promise<void>
  /** The same in the background: what goes wrong is logged. */
  wake(): void
  /** The run at work with this id, if there is one. */
  active(id: string): SupervisedRun | undefined
  counts(): Promise<{ running: number; queued: number }>
  /** Starts nothing any more and ends what is at work, FAILED with SERVER_STOPPED; answers the ids of these runs. */
  close(): Promise<string[]>
}

export function createRunQueue({ prisma, log, logger, concurrency, supervise }: QueueOptions): RunQueue {
  const active = new Map<string, SupervisedRun>()
  let pumping: Promise<void> = Promise.resolve()
  let closed = false

  async function startWaiting(): Promise<void> {
    while (!closed && active.size < concurrency) {
      const waiting = await prisma.trainingRun.findFirst({
        where: { status: 'QUEUED' },
        orderBy: { number: 'asc' },
      })
      if (waiting === null) return
      // False when it was cancelled meanwhile: look for the next.
      if (!(await log.transition(waiting.id, 'PREPARING', { patch: { attempt: { increment: 1 } } }))) continue
      const run = await prisma.trainingRun.findUniqueOrThrow({ where: { id: waiting.id } })
      const supervised = supervise(run)
      active.set(run.id, supervised)
      void supervised.ended.then(() => {
        active.delete(run.id)
        wake()
      })
      if (closed) supervised.abandon(SERVER_STOPPED)
    }
  }

  function pump(): Promise<void> {
    pumping = pumping.catch(() => {}).then(startWaiting)
    return pumping
  }

  function wake(): void {
    pump().catch((error: unknown) => logger.error({ err: error }, 'the queue could not start a run'))
  }

  return {
    async recover() {
      // The trainers of a dead server died with it (process/lifeline.ts), so nobody works for these.
      const left = await prisma.trainingRun.findMany({
        where: { status: { in: [...ACTIVE] } },
        select: { id: true },
      })
      for (const { id } of left) {
        await log.transition(id, 'FAILED', {
          failure: SERVER_STOPPED,
          patch: { finishedAt: new Date(), secondsRemaining: null },
        })
      }
    },
    pump,
    wake,
    active: (id) => active.get(id),
    async counts() {
      return { running: active.size, queued: await prisma.trainingRun.count({ where: { status: 'QUEUED' } }) }
    },
    async close() {
      closed = true
      await pumping.catch(() => {})
      const ended = [...active]
      for (const [, supervised] of ended) supervised.abandon(SERVER_STOPPED)
      await Promise.all(ended.map(([, supervised]) => supervised.ended))
      return ended.map(([id]) => id)
    },
  }
}
