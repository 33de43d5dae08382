import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { NO_TELEMETRY } from '../../../src/adapters/local/telemetry.ts'
import type { WebhookEvent } from '../../../src/db/generated/client.ts'
import { type LowWater, NEVER_LOW } from '../../../src/storage/low-water.ts'
import { createRetention } from '../../../src/system/retention.ts'
import { PAUSES } from '../../../src/webhooks/deliverer.ts'
import { createDestinations } from '../../../src/webhooks/destination.ts'
import { tellWebhooks } from '../../../src/webhooks/events.ts'
import { createSend } from '../../../src/webhooks/send.ts'
import { createWebhooks, type Webhooks } from '../../../src/webhooks/service.ts'
import { useDatabase } from '../../support/database.ts'
import { createTurnedClock, type TurnedClock } from '../../support/turned-clock.ts'
import { isSigned, type Receiver, startReceiver } from '../../support/webhook-receiver.ts'

const database = useDatabase()
const open: Webhooks[] = []
const receivers: Receiver[] = []
afterEach(async () => {
  for (const webhooks of open.splice(0)) await webhooks.close()
  for (const receiver of receivers.splice(0)) receiver.close()
  await database.prisma.webhook.deleteMany()
})

function openWebhooks(
  clock: TurnedClock,
  lowWater: Pick<LowWater, 'problem' | 'watch'> = NEVER_LOW,
): Webhooks {
  const destinations = createDestinations(true)
  const webhooks = createWebhooks({
    prisma: database.prisma,
    destinations,
    send: createSend(destinations, { userAgent: 'vggzoo/test' }),
    publicUrl: 'https://zoo.example.org',
    clock,
    lowWater,
    telemetry: NO_TELEMETRY,
    logger: pino({ level: 'silent' }),
  })
  open.push(webhooks)
  return webhooks
}

async function receive(): Promise<Receiver> {
  const receiver = await startReceiver()
  receivers.push(receiver)
  return receiver
}

const create = (webhooks: Webhooks, { url }: { url: string }, events: WebhookEvent[] = ['DISK_LOW']) =>
  webhooks.create({ url, events, ownerId: 'local' })

/** The deliveries of a webhook, newest first, when the newest is in this state. */
async function deliveriesIn(state: string, webhooks: Webhooks, webhookId: string) {
  const list = () => webhooks.listDeliveries({ where: { webhookId }, orderBy: { seq: 'desc' } })
  await expect.poll(async () => (await list())[0]?.state).toBe(state)
  return list()
}

const tell = async (webhooks: Webhooks) => {
  await tellWebhooks(database.prisma, 'DISK_LOW', { message: 'It is nearly full.' })
  webhooks.wake()
}

describe('a message', () => {
  test('is tried again after ever longer pauses, the same each time, until it is given up after a day', async () => {
    const [clock, receiver] = [createTurnedClock(), await receive()]
    const webhooks = openWebhooks(clock)
    const { id, secret } = await create(webhooks, receiver)
    receiver.answer = 500
    await tell(webhooks)
    const messages = [await receiver.next()]
    let sum = 0
    for (const pause of PAUSES) {
      const ms = await clock.asked()
      expect(ms / pause).toBeGreaterThanOrEqual(0.9)
      expect(ms / pause).toBeLessThanOrEqual(1.1)
      sum += ms
      clock.turn(ms)
      messages.push(await receiver.next())
    }
    expect(sum / 3_600_000).toBeGreaterThan(20)
    expect(await deliveriesIn('FAILED', webhooks, id)).toMatchObject([
      {
        attempts: PAUSES.length + 1,
        lastStatus: 500,
        lastError: 'The receiver answered 500.',
        nextAttemptAt: null,
        deliveredAt: null,
      },
    ])
    expect(new Set(messages.map(({ body }) => body)).size).toBe(1)
    expect(new Set(messages.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    // Each says when it was sent: the receiver refuses old ones.
    expect(new Set(messages.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(messages.length)
    expect(messages.filter((message) => !isSigned(message, secret))).toEqual([])
    expect(isSigned(messages[0]!, `whsec_${Buffer.alloc(32).toString('base64')}`)).toBe(false)

    receiver.answer = 200
    const [given] = await webhooks.listDeliveries({ where: { webhookId: id } })
    await webhooks.redeliver(given!.id)
    expect((await receiver.next()).headers['webhook-id']).toBe(messages[0]!.headers['webhook-id'])
    expect(await deliveriesIn('DELIVERED', webhooks, id)).toMatchObject([
      { attempts: 1, lastStatus: 200, lastError: null, deliveredAt: clock.now() },
    ])
  })

  test('is delivered when its receiver is back', async () => {
    const [clock, receiver] = [createTurnedClock(), await receive()]
    const webhooks = openWebhooks(clock)
    const { id } = await create(webhooks, receiver)
    receiver.answer = 302
    await tell(webhooks)
    await receiver.next()
    const ms = await clock.asked()
    receiver.answer = 200
    // Not a moment before.
    clock.turn(ms - 1)
    webhooks.wake()
    expect(await clock.asked()).toBe(1)
    clock.turn(1)
    await receiver.next()
    expect(await deliveriesIn('DELIVERED', webhooks, id)).toMatchObject([{ attempts: 2, lastStatus: 200 }])
    expect(receiver.received).toHaveLength(2)
    expect(receiver.strays).toBe(0)
  })

  test('is not held up by the receiver of another webhook', async () => {
    const [clock, slow, quick] = [createTurnedClock(), await receive(), await receive()]
    const webhooks = openWebhooks(clock)
    const [one, other] = [await create(webhooks, slow), await create(webhooks, quick)]
    slow.answer = null
    await tell(webhooks)
    await tell(webhooks)
    await slow.next()
    await Promise.all([quick.next(), quick.next()])
    const both = await deliveriesIn('DELIVERED', webhooks, other.id)
    expect(both.map(({ attempts }) => attempts)).toEqual([1, 1])
    // One at a time.
    expect(slow.received).toHaveLength(1)
    expect(await deliveriesIn('PENDING', webhooks, one.id)).toMatchObject([{ attempts: 0 }, { attempts: 0 }])
  })

  test('that was under way when the server stopped is sent by the next one', async () => {
    const [clock, receiver] = [createTurnedClock(), await receive()]
    const first = openWebhooks(clock)
    const { id } = await create(first, receiver)
    receiver.answer = null
    await tell(first)
    const cut = await receiver.next()
    await first.close()
    receiver.answer = 200
    const second = openWebhooks(clock)
    second.wake()
    expect((await receiver.next()).headers['webhook-id']).toBe(cut.headers['webhook-id'])
    expect(await deliveriesIn('DELIVERED', second, id)).toMatchObject([{ attempts: 1 }])
  })

  test('is not there when what it tells of was not committed', async () => {
    const receiver = await receive()
    const webhooks = openWebhooks(createTurnedClock())
    const { id } = await create(webhooks, receiver)
    const undone = database.prisma.$transaction(async (tx) => {
      await tellWebhooks(tx, 'DISK_LOW', { message: 'It is nearly full.' })
      expect(await tx.webhookDelivery.count()).toBe(1)
      throw new Error('It was not done.')
    })
    await expect(undone).rejects.toThrow('It was not done.')
    expect(await webhooks.countDeliveries(id)).toBe(0)
  })

  test('whose receiver answers 410 is the last, and those that wait are given up', async () => {
    const [clock, receiver] = [createTurnedClock(), await receive()]
    const webhooks = openWebhooks(clock)
    const { id } = await create(webhooks, receiver)
    receiver.answer = 410
    await tellWebhooks(database.prisma, 'DISK_LOW', { message: 'It is nearly full.' })
    await tell(webhooks)
    expect(await deliveriesIn('FAILED', webhooks, id)).toMatchObject([
      { attempts: 0, lastError: 'The receiver wants no more.' },
      { attempts: 1, lastStatus: 410 },
    ])
    expect(await webhooks.get({ where: { id } })).toMatchObject({ active: false })
    await tell(webhooks)
    expect(await webhooks.countDeliveries(id)).toBe(2)
    await expect(webhooks.test(id)).rejects.toThrow(/answered 410/)
    expect(receiver.received).toHaveLength(1)
  })
})

describe('a disk that becomes nearly full', () => {
  let clock: TurnedClock
  let problem: string | null = null
  let changed = () => {}
  const lowWater: Pick<LowWater, 'problem' | 'watch'> = {
    problem: () => problem,
    watch(callback) {
      changed = callback
      return () => {}
    },
  }
  const become = (now: string | null) => {
    problem = now
    changed()
  }
  beforeAll(() => {
    clock = createTurnedClock()
  })
  afterAll(() => become(null))

  test('is told each time, and told by a server that starts on it; that it is no more, is not', async () => {
    const receiver = await receive()
    const webhooks = openWebhooks(clock, lowWater)
    const { id } = await create(webhooks, receiver)
    become('The disk is nearly full.')
    expect((await receiver.next()).json).toEqual({
      type: 'disk.low',
      timestamp: expect.any(String),
      data: { message: 'The disk is nearly full.' },
    })
    become(null)
    become('The disk is nearly full again.')
    expect((await receiver.next()).json.data).toEqual({ message: 'The disk is nearly full again.' })
    await deliveriesIn('DELIVERED', webhooks, id)
    await webhooks.close()
    openWebhooks(clock, lowWater)
    expect((await receiver.next()).json.data).toEqual({ message: 'The disk is nearly full again.' })
    expect(receiver.received).toHaveLength(3)
  })
})

describe('webhooks', () => {
  test('are at most twenty', async () => {
    const receiver = await receive()
    const webhooks = openWebhooks(createTurnedClock())
    for (let i = 0; i < 20; i++) await create(webhooks, receiver)
    await expect(create(webhooks, receiver)).rejects.toThrow('There are 20 webhooks already.')
  })

  test('keep their newest thousand messages, of a month', async () => {
    const { prisma } = database
    const receiver = await receive()
    const webhooks = openWebhooks(createTurnedClock())
    const [busy, quiet] = [await create(webhooks, receiver), await create(webhooks, receiver)]
    const rows = (webhookId: string, createdAt: Date, length: number) =>
      Array.from({ length }, (_, i) => ({
        webhookId,
        createdAt,
        eventId: `event ${i}`,
        event: 'TEST' as const,
        data: {},
        state: 'DELIVERED' as const,
      }))
    const [now, old] = [new Date(), new Date(Date.now() - 31 * 24 * 3_600_000)]
    await prisma.webhookDelivery.createMany({ data: rows(busy.id, now, 1003) })
    await prisma.webhookDelivery.createMany({ data: [...rows(quiet.id, old, 2), ...rows(quiet.id, now, 1)] })
    const retention = createRetention({
      prisma,
      tidy: async () => {},
      kept: { predictions: null, runLogs: null, audit: null },
      logger: pino({ level: 'silent' }),
    })
    await retention.sweep()
    await retention.close()
    expect([await webhooks.countDeliveries(busy.id), await webhooks.countDeliveries(quiet.id)]).toEqual([
      1000, 1,
    ])
    const [oldest] = await webhooks.listDeliveries({
      where: { webhookId: busy.id },
      orderBy: { seq: 'asc' },
      take: 1,
    })
    expect(oldest!.eventId).toBe('event 3')
  })
})
