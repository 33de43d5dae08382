import type { Logger } from 'pino'
import { createTurns } from '../../concurrency/one-at-a-time.ts'
import { retry } from '../../concurrency/retry.ts'
import type { Prisma, PrismaClient, TrainingRun } from '../../db/generated/client.ts'
import { OverloadedError } from '../../errors.ts'
import type { Journal } from '../journal/journal.ts'
import { SERVER_STOPPED } from '../model/failure.ts'
import { ACTIVE } from '../model/status.ts'
import type { Interruptions } from './interruption.ts'
import type { SupervisedRun } from './supervision/supervisor.ts'

const MAX_QUEUED = 100
const RETRY_AFTER_MS = 60_000

export interface QueueOptions {
  prisma: PrismaClient
  journal: Journal
  logger: Logger
  interruptions: Interruptions
  /** How many runs may be at work at once. */
  concurrency: number
  supervise(run: TrainingRun): SupervisedRun
}

/** The order in which runs leave the queue. What was moved has a place below 0, ahead of what came since. */
export const QUEUE_ORDER = [
  { priority: 'desc' },
  { place: 'asc' },
  { number: 'asc' },
] as const satisfies Prisma.TrainingRunOrderByWithRelationInput[]

/** Runs wait in the database, by priority and then in the order of their numbers, and are started here. */
export interface RunQueue {
  /** Puts back what a dead server left at work, or ends it. Before anything is started. */
  recover(): Promise<void>
  /**
   * Does what a person's request puts into the queue, if there is room; a run that was interrupted needs none. One at a
   * time: as many as came at once would all find the last place free. Throws OverloadedError.
   */
  admit<Result>(enqueue: () => Promise<Result>): Promise<Result>
  /** Starts waiting runs as long as there is room. */
  pump(): Promise<void>
  /** The same in the background, again and again until it has been done. */
  wake(): void
  /** The run at work with this id, if there is one. */
  active(id: string): SupervisedRun | undefined
  counts(): Promise<{ running: number; queued: number }>
  /** Starts nothing any more and suspends what is at work; answers the ids of these runs. */
  close(): Promise<string[]>
}

export function createRunQueue(options: QueueOptions): RunQueue {
  const { prisma, journal, logger, concurrency, supervise, interruptions } = options
  const active = new Map<string, SupervisedRun>()
  let pumping: Promise<void> = Promise.resolve()
  const closing = new AbortController()
  const inTurn = createTurns()
  const countQueued = () => prisma.trainingRun.count({ where: { status: 'QUEUED' } })
  /** Whether every run that is PREPARING is at work here. */
  let isSure = true
  let isRetrying = false

  async function startWaiting(): Promise<void> {
    while (!closing.signal.aborted && active.size < concurrency) {
      if (!isSure) await adopt()
      if (active.size >= concurrency) return
      const waiting = await prisma.trainingRun.findFirst({
        // One that goes on is tidied up after first: its end wakes the queue again.
        where: { status: 'QUEUED', id: { notIn: [...active.keys()] } },
        orderBy: [...QUEUE_ORDER],
      })
      if (waiting === null) return
      // False when it was cancelled meanwhile: look for the next.
      isSure = false
      const started = await journal.transition(waiting.id, 'PREPARING', {
        patch: { attempt: { increment: 1 } },
      })
      const run = started && (await prisma.trainingRun.findUniqueOrThrow({ where: { id: waiting.id } }))
      isSure = true
      if (run) begin(run)
    }
  }

  /** Takes on what a turn before this one made PREPARING without hearing of it: the database went away meanwhile. */
  async function adopt(): Promise<void> {
    const left = await prisma.trainingRun.findMany({
      where: { status: 'PREPARING', id: { notIn: [...active.keys()] } },
    })
    for (const run of left) begin(run)
    isSure = true
  }

  function begin(run: TrainingRun): void {
    const supervised = supervise(run)
    active.set(run.id, supervised)
    void supervised.ended.then(() => {
      active.delete(run.id)
      wake()
    })
    if (closing.signal.aborted) supervised.suspend()
  }

  function pump(): Promise<void> {
    pumping = pumping.catch(() => {}).then(startWaiting)
    return pumping
  }

  function wake(): void {
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
    admit: (enqueue) =>
      inTurn(async () => {
        const queued = await countQueued()
        if (queued < MAX_QUEUED) return enqueue()
        const message = `${queued} runs are queued already. Cancel one or try again later.`
        throw new OverloadedError(message, RETRY_AFTER_MS, queued)
      }),
    pump,
    wake,
    active: (id) => active.get(id),
    async counts() {
      return { running: active.size, queued: await countQueued() }
    },
    async close() {
      closing.abort()
      await pumping.catch(() => {})
      const ended = [...active]
      for (const [, supervised] of ended) supervised.suspend()
      await Promise.all(ended.map(([, supervised]) => supervised.ended))
      return ended.map(([id]) => id)
    },
  }
}
