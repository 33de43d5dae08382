import type { Prisma, Webhook } from '../../db/generated/client.ts'
import { ConflictError, NotFoundError, ValidationError } from '../../errors.ts'
import { EVENTS, typeOf } from '../../webhooks/events.ts'
import { audits } from '../builder/audit-options.ts'
import { builder } from '../builder/builder.ts'
import { connectionOf, pageOfRows } from '../builder/connection.ts'
import { described } from '../builder/described.ts'
import { resultOf } from '../builder/errors.ts'

const WebhookEventEnum = builder.enumType('WebhookEvent', {
  description: 'What a webhook is told of.',
  values: described<(typeof EVENTS)[number]>({
    RUN_ENDED: 'A run is COMPLETED, CANCELLED or FAILED: "run.ended".',
    ALIAS_MOVED: 'An alias is new, or names another version: "alias.moved".',
    VERSION_REGISTERED:
      'A model has a new version, by a run that is COMPLETED, registered or imported: "version.registered".',
    DISK_LOW: 'The disk of the server became nearly full: training waits, uploads are refused: "disk.low".',
  }),
})

const WebhookDeliveryState = builder.enumType('WebhookDeliveryState', {
  description: 'What became of a message.',
  values: described<Prisma.WebhookDeliveryGetPayload<object>['state']>({
    PENDING: 'It is being sent, or will be again.',
    DELIVERED: 'Its receiver answered that it has it.',
    FAILED: 'It was given up.',
  }),
})

const WebhookDeliveryRef = builder.prismaNode('WebhookDelivery', {
  nullable: true,
  authScopes: { role: 'ADMIN' },
  description: 'A message to a webhook, and what became of it. Only admins see it.',
  id: { field: 'id', description: 'Global id.' },
  fields: (t) => ({
    eventId: t.exposeString('eventId', {
      description: 'The header `webhook-id`: of each try, and for all webhooks, the same.',
    }),
    type: t.string({
      description: 'Type of the message: "run.ended", or "test".',
      resolve: ({ event }) => typeOf(event),
    }),
    payload: t.string({
      select: { event: true, createdAt: true, data: true },
      description: 'The JSON that is sent.',
      resolve: (delivery, _args, { webhooks }) => webhooks.bodyOf(delivery),
    }),
    state: t.expose('state', { type: WebhookDeliveryState, description: 'What became of it.' }),
    attempts: t.exposeInt('attempts', { description: 'How often it was tried since it was last asked for.' }),
    lastStatus: t.exposeInt('lastStatus', {
      nullable: true,
      description: 'HTTP status that the newest try was answered with; null when there was no answer.',
    }),
    lastError: t.exposeString('lastError', {
      nullable: true,
      description: 'Why the newest try came to nothing; null when it did not.',
    }),
    nextAttemptAt: t.expose('nextAttemptAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it is tried next; null when it is not any more.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the event was.' }),
    deliveredAt: t.expose('deliveredAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was delivered; null when it is not.',
    }),
  }),
})

const WebhookRef = builder.prismaNode('Webhook', {
  nullable: true,
  authScopes: { role: 'ADMIN' },
  description: 'An address that is told of events. Only admins see it.',
  id: { field: 'id', description: 'Global id.' },
  fields: (t) => ({
    url: t.exposeString('url', { description: 'Where its messages go.' }),
    events: t.field({
      type: [WebhookEventEnum],
      select: { events: true },
      description: 'What it is told of.',
      resolve: ({ events }) => EVENTS.filter((event) => events.includes(event)),
    }),
    owner: t.exposeString('ownerId', { description: 'Viewer.id of who made it.' }),
    active: t.exposeBoolean('active', {
      description: 'Whether messages are sent; false since its receiver answered 410, that it wants no more.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
  }),
})

builder.prismaObjectField(WebhookRef, 'deliveries', (t) =>
  t.connection(
    {
      type: WebhookDeliveryRef,
      description: 'Its messages, newest first: the newest 1000 of 30 days.',
      resolve: ({ id: webhookId }, args, context, info) =>
        pageOfRows(
          { args, context, info, of: webhookId },
          {
            key: 'seq',
            find: (query) =>
              context.webhooks.listDeliveries({ ...query, where: { ...query.where, webhookId } }),
            count: () => context.webhooks.countDeliveries(webhookId),
          },
        ),
    },
    connectionOf(WebhookDeliveryRef, 'WebhookDelivery'),
  ),
)

const CreateWebhookInput = builder.inputType('CreateWebhookInput', {
  description: 'A webhook.',
  fields: (t) => ({
    url: t.string({
      required: true,
      description:
        'Where its messages go: https://, to a public address. With WEBHOOKS_PRIVATE=true any address, and http:// as well.',
    }),
    events: t.field({ type: [WebhookEventEnum], required: true, description: 'What it is told of.' }),
    idempotencyKey: t.string({
      description: 'The same key answers the webhook that was made under it, and makes no second one.',
    }),
  }),
})

const CreatedWebhook = builder.objectRef<Webhook>('CreatedWebhook').implement({
  description: 'A new webhook and its secret.',
  authScopes: { role: 'ADMIN' },
  fields: (t) => ({
    webhook: t.field({ type: WebhookRef, description: 'The webhook.', resolve: (webhook) => webhook }),
    secret: t.exposeString('secret', {
      description:
        'What its messages are signed with: `whsec_...`. It is answered here alone. The server keeps it as it is, as it signs with it: who has the database, or a backup, has it.',
    }),
  }),
})

builder.queryFields((t) => ({
  webhooks: t.connection(
    {
      type: WebhookRef,
      authScopes: { role: 'ADMIN' },
      description: 'Webhooks, newest first.',
      resolve: (_root, args, context, info) =>
        pageOfRows(
          { args, context, info },
          { key: 'seq', find: context.webhooks.list, count: context.webhooks.count },
        ),
    },
    connectionOf(WebhookRef, 'Webhook'),
  ),
  webhook: t.prismaField({
    type: WebhookRef,
    nullable: true,
    authScopes: { role: 'ADMIN' },
    description: 'A webhook by its id; null when there is none.',
    args: { id: t.arg.globalID({ for: WebhookRef, required: true, description: 'Id of the webhook.' }) },
    resolve: (query, _root, { id }, { webhooks }) => webhooks.find({ ...query, where: { id: id.id } }),
  }),
}))

builder.mutationFields((t) => ({
  createWebhook: t.field({
    type: CreatedWebhook,
    authScopes: { role: 'ADMIN' },
    errors: resultOf(
      'CreateWebhook',
      [ValidationError, ConflictError],
      'The new webhook with its secret, or why it was not made.',
    ),
    description: 'Makes a webhook. Its secret is answered once.',
    extensions: audits('Webhook', ({ id }: Webhook) => id),
    args: { input: t.arg({ type: CreateWebhookInput, required: true, description: 'The webhook.' }) },
    resolve: (_root, { input: { url, events, idempotencyKey } }, { webhooks, viewer }) =>
      webhooks.create({ url, events, ownerId: viewer.id, idempotencyKey: idempotencyKey ?? undefined }),
  }),
  deleteWebhook: t.field({
    type: WebhookRef,
    authScopes: { role: 'ADMIN' },
    errors: resultOf('DeleteWebhook', [NotFoundError], 'The webhook as it was, or why it was not deleted.'),
    description: 'Deletes a webhook with its messages; nothing more is sent.',
    args: { id: t.arg.globalID({ for: WebhookRef, required: true, description: 'Id of the webhook.' }) },
    resolve: (_root, { id }, { webhooks }) => webhooks.delete(id.id),
  }),
  testWebhook: t.field({
    type: WebhookDeliveryRef,
    authScopes: { role: 'ADMIN' },
    errors: resultOf('TestWebhook', [NotFoundError, ConflictError], 'The message, or why there is none.'),
    description: 'Sends a webhook a message of type "test".',
    args: { id: t.arg.globalID({ for: WebhookRef, required: true, description: 'Id of the webhook.' }) },
    resolve: (_root, { id }, { webhooks }) => webhooks.test(id.id),
  }),
  redeliverWebhook: t.field({
    type: WebhookDeliveryRef,
    authScopes: { role: 'ADMIN' },
    errors: resultOf(
      'RedeliverWebhook',
      [NotFoundError, ConflictError],
      'The message, or why it is not sent again.',
    ),
    description: 'Sends a message once more, now, whatever became of it.',
    args: {
      id: t.arg.globalID({ for: WebhookDeliveryRef, required: true, description: 'Id of the message.' }),
    },
    resolve: (_root, { id }, { webhooks }) => webhooks.redeliver(id.id),
  }),
}))
