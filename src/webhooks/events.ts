import type { Prisma, PrismaClient, WebhookDelivery } from '../db/generated/client.ts'
import { WebhookEvent } from '../db/generated/enums.ts'
import { insertWebhookDeliveries } from '../db/webhook-deliveries.ts'

/** What a webhook can be made for. */
export const EVENTS = Object.values(WebhookEvent).filter((event) => event !== 'TEST')

/** Ids are those of the API, and `url` a path of the dashboard. */
interface DataOf {
  RUN_ENDED: {
    id: string
    number: number
    name: string
    owner: string
    architecture: string
    dataset: string
    status: string
    /** Of FAILED. */
    failure: { code: string; message: string } | null
    /** On the test images; of COMPLETED. */
    accuracy: number | null
    url: string
  }
  ALIAS_MOVED: {
    id: string
    name: string
    model: string
    version: number
    versionId: string
    /** The one that it named before; null for a new alias. */
    previousVersionId: string | null
    url: string
  }
  VERSION_REGISTERED: {
    id: string
    model: string
    version: number
    owner: string
    origin: string
    architecture: string
    dataset: string | null
    runId: string | null
    accuracy: number | null
    digest: string
    url: string
  }
  DISK_LOW: { message: string }
  TEST: { webhookId: string }
}

/**
 * Notes an event for the webhooks that want it. Nothing is sent before the transaction is committed, and the deliverer is
 * woken (Webhooks.wake).
 */
export async function tellWebhooks<Event extends WebhookEvent>(
  tx: Pick<PrismaClient, '$executeRaw'> | Prisma.TransactionClient,
  event: Event,
  data: DataOf[Event],
): Promise<void> {
  await insertWebhookDeliveries(tx, event, data)
}

/** As the API has it. */
export function globalId(type: string, id: string): string {
  return Buffer.from(`${type}:${id}`).toString('base64')
}

/** As receivers know it: "run.ended". */
export function typeOf(event: WebhookEvent): string {
  return event.toLowerCase().replace('_', '.')
}

/**
 * What a receiver gets, the same at each try.
 * @param publicUrl  origin of the dashboard; null where nobody said it: then `url` stays a path
 */
export function bodyOf(
  { event, createdAt, data }: Pick<WebhookDelivery, 'event' | 'createdAt' | 'data'>,
  publicUrl: string | null,
): string {
  const told = data as { url?: string }
  const url = told.url === undefined ? {} : { url: `${publicUrl ?? ''}${told.url}` }
  return JSON.stringify({
    type: typeOf(event),
    timestamp: createdAt.toISOString(),
    data: { ...told, ...url },
  })
}
