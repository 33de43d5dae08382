import type { Prisma, PrismaClient, TrainingRun } from '../../db/generated/client.ts'
import type { WaitingRuns } from '../../ports/run-queue.ts'
import type { Journal } from '../journal/journal.ts'

/** The order in which runs leave the queue. What was moved has a place below 0, ahead of what came since. */
export const QUEUE_ORDER = [
  { priority: 'desc' },
  { place: 'asc' },
  { number: 'asc' },
] as const satisfies Prisma.TrainingRunOrderByWithRelationInput[]

/** Runs wait as rows that are QUEUED; one that is claimed is PREPARING, and its journal has that. */
export function waitingRuns(
  prisma: PrismaClient,
  journal: Pick<Journal, 'transition'>,
): WaitingRuns<TrainingRun> {
  const claimed = (id: string) => prisma.trainingRun.findFirst({ where: { id, status: 'PREPARING' } })
  return {
    async first(except) {
      const run = await prisma.trainingRun.findFirst({
        where: { status: 'QUEUED', id: { notIn: [...except] } },
        orderBy: [...QUEUE_ORDER],
        select: { id: true },
      })
      return run?.id ?? null
    },
    async claim(id) {
      // Under the lock of its row (journal.ts): a second claimer waits, and then finds it PREPARING.
      const isWon = await journal.transition(id, 'PREPARING', {
        from: ['QUEUED'],
        patch: { attempt: { increment: 1 } },
      })
      return isWon ? claimed(id) : null
    },
    claimed,
  }
}
