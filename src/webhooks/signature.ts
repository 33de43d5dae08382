import { createHmac, randomBytes } from 'node:crypto'

const PREFIX = 'whsec_'

/** 256 random bits. */
export function makeWebhookSecret(): string {
  return PREFIX + randomBytes(32).toString('base64')
}

/**
 * The headers of a message by the convention Standard Webhooks (github.com/standard-webhooks): HMAC-SHA256 of
 * "id.timestamp.body", so that nobody changes it, or sends an old one again much later.
 * @param at  when it is sent
 */
export function signedHeaders(secret: string, message: { id: string; at: Date; body: string }) {
  const { id, body } = message
  const timestamp = String(Math.floor(message.at.getTime() / 1000))
  const key = Buffer.from(secret.slice(PREFIX.length), 'base64')
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }
}
