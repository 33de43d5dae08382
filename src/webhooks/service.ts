import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import { createTurns } from '../concurrency/one-at-a-time.ts'
import type { Prisma, PrismaClient, Webhook, WebhookDelivery, WebhookEvent } from '../db/generated/client.ts'
import { ConflictError, NotFoundError, ValidationError } from '../errors.ts'
import { isKey, KEY } from '../label.ts'
import type { LowWater } from '../storage/low-water.ts'
import { createDeliverer, type DelivererOptions } from './deliverer.ts'
import type { Destinations } from './destination.ts'
import { bodyOf, EVENTS, globalId, tellWebhooks } from './events.ts'
import { makeWebhookSecret } from './signature.ts'

export interface NewWebhook {
  url: string
  events: readonly WebhookEvent[]
  /** Viewer.id of who asks. */
  ownerId: string
  /** The same key never makes a second one. */
  idempotencyKey?: string | undefined
}

/** Addresses that are told of events, each message signed and tried for a day. */
export interface Webhooks {
  /** @throws ValidationError; ConflictError for one too many, or another one under the same key */
  create(webhook: NewWebhook): Promise<Webhook>
  /** With its deliveries; answers what it was. @throws NotFoundError */
  delete(id: string): Promise<Webhook>
  /** Sends it a message of type "test". @throws NotFoundError; ConflictError for one that is not active */
  test(id: string): Promise<WebhookDelivery>
  /** Sends a message once more, now. @throws NotFoundError; ConflictError for one that is not active */
  redeliver(deliveryId: string): Promise<WebhookDelivery>
  list(query: Prisma.WebhookFindManyArgs): Promise<Webhook[]>
  count(): Promise<number>
  find(query: Prisma.WebhookFindUniqueArgs): Promise<Webhook | null>
  get(query: Prisma.WebhookFindUniqueOrThrowArgs): Promise<Webhook>
  listDeliveries(query: Prisma.WebhookDeliveryFindManyArgs): Promise<WebhookDelivery[]>
  countDeliveries(webhookId: string): Promise<number>
  /** The JSON that is sent. */
  bodyOf(delivery: WebhookDelivery): string
  /** Something that webhooks are told of is committed. */
  wake(): void
  close(): Promise<void>
}

/** Each may have a message under way, and is asked about at each event. */
const MOST = 20
const NO_WEBHOOK = 'There is no such webhook.'

export interface WebhooksOptions extends DelivererOptions {
  prisma: PrismaClient
  destinations: Destinations
  lowWater: Pick<LowWater, 'problem' | 'watch'>
  logger: Pick<Logger, 'warn' | 'error'>
}

export function createWebhooks(options: WebhooksOptions): Webhooks {
  const { prisma, destinations, lowWater, publicUrl, clock, logger } = options
  const deliverer = createDeliverer(options)
  const inTurn = createTurns()

  let isLow = false
  const look = () => {
    const problem = lowWater.problem()
    if ((problem !== null) === isLow) return
    isLow = problem !== null
    if (problem === null) return
    tellWebhooks(prisma, 'DISK_LOW', { message: problem })
      .then(deliverer.wake)
      .catch((error: unknown) => logger.error({ err: error }, 'webhooks were not told of the disk'))
  }
  const forgetDisk = lowWater.watch(look)
  look()

  async function made(asked: NewWebhook): Promise<Webhook> {
    const { ownerId, idempotencyKey } = asked
    const row = await checked(asked)
    if (idempotencyKey !== undefined) {
      const own = { ownerId, idempotencyKey }
      const known = await prisma.webhook.findUnique({ where: { ownerId_idempotencyKey: own } })
      if (known?.url === row.url && known.events.join() === row.events.join()) return known
      if (known !== null) {
        throw new ConflictError(`The idempotency key "${idempotencyKey}" was used for another webhook.`)
      }
    }
    if ((await prisma.webhook.count()) >= MOST) {
      throw new ConflictError(`There are ${MOST} webhooks already. Delete one first.`)
    }
    return prisma.webhook.create({ data: { ...row, secret: makeWebhookSecret(), ownerId, idempotencyKey } })
  }

  async function checked({ url, events, idempotencyKey: key }: NewWebhook) {
    const issues: { path: string[]; message: string }[] = []
    const issue = (field: string, message: string) => void issues.push({ path: [field], message })
    if (events.length === 0) issue('events', 'Name at least one event.')
    if (key !== undefined && !isKey(key)) issue('idempotencyKey', `A key has ${KEY}`)
    const destination = await destinations.check(url)
    if ('problem' in destination) issue('url', destination.problem)
    if (issues.length > 0 || 'problem' in destination) throw new ValidationError(issues)
    return { url: destination.url, events: EVENTS.filter((event) => events.includes(event)) }
  }

  function demandActive(webhook: Webhook): void {
    if (webhook.active) return
    throw new ConflictError('The receiver of the webhook answered 410: it wants no more. Make another one.')
  }

  async function pending<Delivery>(write: Promise<Delivery>): Promise<Delivery> {
    const delivery = await write
    deliverer.wake()
    return delivery
  }

  return {
    create: (asked) => inTurn(() => made(asked)),
    async delete(id) {
      const known = await prisma.webhook.findUnique({ where: { id } })
      if (known === null) throw new NotFoundError(NO_WEBHOOK)
      await prisma.webhook.deleteMany({ where: { id } })
      return known
    },
    async test(id) {
      const webhook = await prisma.webhook.findUnique({ where: { id } })
      if (webhook === null) throw new NotFoundError(NO_WEBHOOK)
      demandActive(webhook)
      const data = { webhookId: globalId('Webhook', id) }
      const row = { webhookId: id, eventId: randomUUID(), event: 'TEST', data } as const
      return pending(prisma.webhookDelivery.create({ data: { ...row, nextAttemptAt: clock.now() } }))
    },
    async redeliver(id) {
      const found = await prisma.webhookDelivery.findUnique({ where: { id }, include: { webhook: true } })
      if (found === null) throw new NotFoundError('There is no such delivery, or none any more.')
      demandActive(found.webhook)
      const again = { state: 'PENDING', attempts: 0, nextAttemptAt: clock.now() } as const
      return pending(prisma.webhookDelivery.update({ where: { id }, data: again }))
    },
    list: (query) => prisma.webhook.findMany(query),
    count: () => prisma.webhook.count(),
    find: (query) => prisma.webhook.findUnique(query),
    get: (query) => prisma.webhook.findUniqueOrThrow(query),
    listDeliveries: (query) => prisma.webhookDelivery.findMany(query),
    countDeliveries: (webhookId) => prisma.webhookDelivery.count({ where: { webhookId } }),
    bodyOf: (delivery) => bodyOf(delivery, publicUrl),
    wake: deliverer.wake,
    async close() {
      forgetDisk()
      await deliverer.close()
    },
  }
}
