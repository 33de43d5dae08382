import type { Logger } from 'pino'
import type { Prisma, PrismaClient } from '../db/generated/client.ts'

/** Milliseconds that things are kept; null for ever. */
export interface Kept {
  predictions: number | null
  /** What trainers printed. */
  runLogs: number | null
  /** Entries of the audit log. */
  audit: number | null
}

const EVERY_MS = 60 * 60 * 1000
/** Sweeps from one time that the database is tidied to the next, where nothing was forgotten: rows are altered and deleted all day. */
const TIDY_EVERY = 24
/** Deleted at once: whoever asks the database meanwhile waits no longer than for these. */
const AT_ONCE = 500

/** Deliveries of webhooks: so long, and so many of each. */
const DELIVERIES = { ms: 30 * 24 * 60 * 60 * 1000, newest: 1000 }

/** Forgets once an hour what is older than it is to be kept. */
export interface Retention {
  /** Forgets now. Never rejects; the next hour tries again. */
  sweep(now?: Date): Promise<void>
  close(): Promise<void>
}

/** @param tidy  gives the room of deleted rows back to the database */
export function createRetention(options: {
  prisma: PrismaClient
  tidy(): Promise<void>
  kept: Kept
  logger: Pick<Logger, 'info' | 'error'>
}): Retention {
  const { prisma, tidy, kept, logger } = options
  let isClosed = false
  let untidy = 0
  let sweeping: Promise<void> = Promise.resolve()

  /** @param find  the oldest of them, at most so many. @returns how many there were */
  async function forgetOldest(
    find: (take: number) => Promise<{ id: string }[]>,
    remove: (rows: { id: { in: string[] } }) => Promise<{ count: number }>,
  ): Promise<number> {
    for (let sum = 0; ; ) {
      const old = await find(AT_ONCE)
      if (old.length === 0 || isClosed) return sum
      const { count } = await remove({ id: { in: old.map(({ id }) => id) } })
      sum += count
    }
  }

  const forgetPredictions = (before: Date) =>
    forgetOldest(
      (take) =>
        prisma.prediction.findMany({
          where: { createdAt: { lt: before } },
          orderBy: { seq: 'asc' },
          take,
          select: { id: true },
        }),
      (where) => prisma.prediction.deleteMany({ where }),
    )

  const forgetAudit = (before: Date) =>
    forgetOldest(
      (take) =>
        prisma.auditEntry.findMany({
          where: { at: { lt: before } },
          orderBy: { seq: 'asc' },
          take,
          select: { id: true },
        }),
      (where) => prisma.auditEntry.deleteMany({ where }),
    )

  const forgetDeliveries = (which: Prisma.WebhookDeliveryWhereInput) =>
    forgetOldest(
      (take) =>
        prisma.webhookDelivery.findMany({
          where: which,
          orderBy: { seq: 'asc' },
          take,
          select: { id: true },
        }),
      (where) => prisma.webhookDelivery.deleteMany({ where }),
    )

  /** Those that wait as well: a receiver that is away is not told of more. */
  async function forgetDeliveriesBeyond(newest: number): Promise<number> {
    let sum = 0
    for (const { id: webhookId } of await prisma.webhook.findMany({ select: { id: true } })) {
      const first = await prisma.webhookDelivery.findFirst({
        where: { webhookId },
        orderBy: { seq: 'desc' },
        skip: newest,
        select: { seq: true },
      })
      if (first !== null) sum += await forgetDeliveries({ webhookId, seq: { lte: first.seq } })
    }
    return sum
  }

  /** A run's newest line stays, whatever its age: the numbers of those to come go on from it. */
  async function forgetRunLogs(before: Date): Promise<number> {
    const runs = await prisma.runOutputLine.groupBy({ by: ['runId'], where: { at: { lt: before } } })
    let sum = 0
    for (const { runId } of runs) {
      if (isClosed) break
      const { _max } = await prisma.runOutputLine.aggregate({ where: { runId }, _max: { number: true } })
      const { count } = await prisma.runOutputLine.deleteMany({
        where: { runId, at: { lt: before }, number: { lt: _max.number! } },
      })
      sum += count
    }
    return sum
  }

  async function forget(now: Date): Promise<void> {
    try {
      const before = (ms: number) => new Date(now.getTime() - ms)
      const predictions = kept.predictions === null ? 0 : await forgetPredictions(before(kept.predictions))
      const logLines = kept.runLogs === null ? 0 : await forgetRunLogs(before(kept.runLogs))
      const auditEntries = kept.audit === null ? 0 : await forgetAudit(before(kept.audit))
      const deliveries =
        (await forgetDeliveries({ createdAt: { lt: before(DELIVERIES.ms) } })) +
        (await forgetDeliveriesBeyond(DELIVERIES.newest))
      const forgot = predictions + logLines + auditEntries + deliveries
      if (forgot > 0)
        logger.info({ predictions, logLines, auditEntries, deliveries }, 'forgot what was too old')
      untidy += 1
      if (isClosed || (forgot === 0 && untidy < TIDY_EVERY)) return
      await tidy()
      untidy = 0
    } catch (error) {
      if (!isClosed) logger.error({ err: error }, 'what is too old could not be forgotten')
    }
  }

  const sweep = (now = new Date()) => {
    sweeping = sweeping.then(() => forget(now))
    return sweeping
  }
  const timer = setInterval(() => void sweep(), EVERY_MS).unref()
  return {
    sweep,
    async close() {
      isClosed = true
      clearInterval(timer)
      await sweeping
    },
  }
}
