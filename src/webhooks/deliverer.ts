import type { Logger } from 'pino'
import type { Prisma, PrismaClient, Webhook, WebhookDelivery } from '../db/generated/client.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import type { Clock } from './clock.ts'
import { bodyOf } from './events.ts'
import type { Answer, Send } from './send.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** Milliseconds from a try that failed to the next; after the last it is given up, a day after the first. */
export const PAUSES: readonly number[] = [
  10 * SECOND,
  MINUTE,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  8 * HOUR,
  8 * HOUR,
]
/** Of a pause, to either side: a receiver that comes back does not get all at once. */
const JITTER = 0.1
/** When the database does not answer. */
const TROUBLE_MS = 5 * SECOND
/** The receiver wants no more, by the convention. */
const GONE = 410

type Due = WebhookDelivery & { webhook: Webhook }

/** Sends what is to be delivered, at most one message of each webhook at once: a slow receiver holds up no other. */
export interface Deliverer {
  /** There may be something to deliver. */
  wake(): void
  /** Ends what is under way; it counts as not tried. */
  close(): Promise<void>
}

export interface DelivererOptions {
  prisma: PrismaClient
  send: Send
  publicUrl: string | null
  clock: Clock
  telemetry: Telemetry
  logger: Pick<Logger, 'warn' | 'error'>
}

export function createDeliverer(options: DelivererOptions): Deliverer {
  const { prisma, send, publicUrl, clock, telemetry, logger } = options
  const leaving = new AbortController()
  /** By the webhook. */
  const underWay = new Map<string, Promise<void>>()
  let looking: Promise<void> | null = null
  let looksAgain = false
  let troubledUntil = 0
  let forgetTimer = () => {}

  function wake(): void {
    if (leaving.signal.aborted) return
    if (looking !== null) {
      looksAgain = true
      return
    }
    looking = look()
      .catch(trouble)
      .finally(() => {
        looking = null
        if (!looksAgain) return
        looksAgain = false
        wake()
      })
  }

  function trouble(error: unknown): void {
    if (leaving.signal.aborted) return
    logger.error({ err: error }, 'webhooks could not be delivered')
    troubledUntil = clock.now().getTime() + TROUBLE_MS
    wakeIn(TROUBLE_MS)
  }

  function wakeIn(ms: number): void {
    forgetTimer()
    forgetTimer = clock.after(ms, wake)
  }

  /** Begins what is due, and comes back when the next is. */
  async function look(): Promise<void> {
    const trouble = troubledUntil - clock.now().getTime()
    if (trouble > 0) return wakeIn(trouble)
    while (!leaving.signal.aborted) {
      const next = await prisma.webhookDelivery.findFirst({
        where: { state: 'PENDING', webhookId: { notIn: [...underWay.keys()] } },
        orderBy: [{ nextAttemptAt: 'asc' }, { seq: 'asc' }],
        include: { webhook: true },
      })
      if (next === null) return
      const wait = next.nextAttemptAt!.getTime() - clock.now().getTime()
      if (wait > 0) return wakeIn(wait)
      begin(next)
    }
  }

  function begin(delivery: Due): void {
    const done = attempt(delivery)
      .catch(trouble)
      .finally(() => {
        underWay.delete(delivery.webhookId)
        wake()
      })
    underWay.set(delivery.webhookId, done)
  }

  async function attempt(delivery: Due): Promise<void> {
    if (leaving.signal.aborted) return
    const { id, eventId, webhookId, webhook } = delivery
    const { url, secret } = webhook
    const began = performance.now()
    const message = { url, secret, id: eventId, at: clock.now(), body: bodyOf(delivery, publicUrl) }
    const answer = await send(message, leaving.signal)
    if (leaving.signal.aborted && answer.error !== null) return
    const outcome = outcomeOf(delivery, answer, clock.now())
    await prisma.$transaction(async (tx) => {
      // The webhook may have been deleted meanwhile, and this with it.
      await tx.webhookDelivery.updateMany({ where: { id }, data: outcome.row })
      if (answer.status === GONE) await giveUp(tx, webhookId)
    })
    telemetry.record({ kind: 'webhookTry', outcome: outcome.name, ms: performance.now() - began })
    if (outcome.name === 'failed') {
      logger.warn({ webhook: webhookId, delivery: id, ...answer }, 'a webhook was not delivered')
    }
  }

  return {
    wake,
    async close() {
      leaving.abort()
      forgetTimer()
      await looking
      await Promise.all(underWay.values())
    },
  }
}

function outcomeOf(delivery: Due, { status, error }: Answer, now: Date) {
  const attempts = delivery.attempts + 1
  const tried = { attempts, lastStatus: status, lastError: error }
  if (error === null) {
    return {
      name: 'delivered' as const,
      row: { ...tried, state: 'DELIVERED' as const, deliveredAt: now, nextAttemptAt: null },
    }
  }
  const pause = status === GONE ? undefined : PAUSES[delivery.attempts]
  if (pause === undefined) {
    return { name: 'failed' as const, row: { ...tried, state: 'FAILED' as const, nextAttemptAt: null } }
  }
  const jitter = 1 + JITTER * (2 * Math.random() - 1)
  return {
    name: 'retried' as const,
    row: { ...tried, nextAttemptAt: new Date(now.getTime() + pause * jitter) },
  }
}

/** Nothing more is sent to it, nor what waits. */
async function giveUp(tx: Prisma.TransactionClient, webhookId: string): Promise<void> {
  await tx.webhook.updateMany({ where: { id: webhookId }, data: { active: false } })
  await tx.webhookDelivery.updateMany({
    where: { webhookId, state: 'PENDING' },
    data: { state: 'FAILED', nextAttemptAt: null, lastError: 'The receiver wants no more.' },
  })
}
