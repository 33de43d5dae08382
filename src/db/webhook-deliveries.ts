import { randomUUID } from 'node:crypto'
import type { Prisma, PrismaClient, WebhookEvent } from './generated/client.ts'

/**
 * Inserts a delivery for each webhook that wants the event. In the transaction of what it tells of, so that neither is without
 * the other. The lock makes who deletes a webhook wait, and passes over one that is deleted: its rows could not be committed.
 * @returns how many there are
 */
export function insertWebhookDeliveries(
  client: Pick<PrismaClient, '$executeRaw'>,
  event: WebhookEvent,
  data: object,
): Prisma.PrismaPromise<number> {
  const now = new Date()
  return client.$executeRaw`
    INSERT INTO "WebhookDelivery" ("id", "webhookId", "eventId", "event", "data", "createdAt", "nextAttemptAt")
    SELECT gen_random_uuid()::text, "id", ${randomUUID()}, ${event}::"WebhookEvent", ${JSON.stringify(data)}::jsonb, ${now}, ${now}
    FROM "Webhook" WHERE "active" AND ${event}::"WebhookEvent" = ANY("events") FOR KEY SHARE`
}
