import { OTHER_ACTIONS } from '../../audit/log.ts'
import type { Prisma } from '../../db/generated/client.ts'
import { builder } from '../builder/builder.ts'
import { connectionOf, pageOfRows } from '../builder/connection.ts'
import { described } from '../builder/described.ts'
import { RoleEnum } from './viewer.ts'

const AuditOutcomeEnum = builder.enumType('AuditOutcome', {
  description: 'What came of what somebody asked for.',
  values: described<Prisma.AuditEntryGetPayload<object>['outcome']>({
    DONE: 'It was done.',
    REFUSED: 'It was not done: who asked may not do it, or what was asked for cannot be done.',
    FAILED: 'The server failed at it, or who asked left; it may have been done in part.',
  }),
})

const AuditEntryRef = builder.prismaNode('AuditEntry', {
  nullable: true,
  authScopes: { role: 'ADMIN' },
  description: 'One thing that somebody did, or wanted to do. Only admins see the audit log.',
  id: { field: 'id', description: 'Global id.' },
  fields: (t) => ({
    number: t.exposeInt('seq', {
      description: 'Number of the entry: 1, 2, 3, ... without a gap, until the oldest are forgotten.',
    }),
    at: t.expose('at', { type: 'DateTime', description: 'When it was done, or not.' }),
    action: t.exposeString('action', {
      description: `What it was: the name of a field of Mutation, or ${OTHER_ACTIONS.join(', ')}.`,
    }),
    outcome: t.expose('outcome', { type: AuditOutcomeEnum, description: 'What came of it.' }),
    error: t.exposeString('error', {
      nullable: true,
      description: 'Why it was not done: the type or the code of the error; null when it was.',
    }),
    viewerId: t.exposeString('viewerId', {
      nullable: true,
      description: 'Viewer.id of who asked; null when nobody was known: who failed to sign in.',
    }),
    viewerName: t.exposeString('viewerName', {
      nullable: true,
      description: 'The name that they had; null likewise.',
    }),
    role: t.expose('role', {
      type: RoleEnum,
      nullable: true,
      description: 'The role that they had; null likewise.',
    }),
    tokenId: t.exposeString('tokenId', {
      nullable: true,
      description:
        'What they were known by: the token, or the session, whose own entry signIn has its token; null without authentication.',
    }),
    address: t.exposeString('address', {
      description: 'Address that the request came from; behind a proxy as TRUST_PROXY allows.',
    }),
    requestId: t.exposeString('requestId', {
      description:
        "Id of the request, which its answer (X-Request-Id) and the lines of the server's log have.",
    }),
    targetType: t.exposeString('targetType', {
      nullable: true,
      description: 'Type of what was changed; null when nothing was, or no one thing.',
    }),
    targetId: t.exposeString('targetId', {
      nullable: true,
      description: 'Global id of it, which may lead to nothing any more; null likewise.',
    }),
    detail: t.string({
      nullable: true,
      description:
        'What was asked for, in a few values of the arguments, as JSON: {"name": "champion"}; null for none of these.',
      resolve: ({ detail }) => (detail === null ? null : JSON.stringify(detail)),
    }),
  }),
})

const AuditFilterInput = builder.inputType('AuditFilterInput', {
  description: 'Which entries: those that are all of this.',
  fields: (t) => ({
    viewerId: t.string({ description: 'Of this Viewer.id.' }),
    action: t.string({ description: 'Of this action.' }),
    outcome: t.field({ type: AuditOutcomeEnum, description: 'Of this outcome.' }),
    targetId: t.string({ description: 'About the object of this global id.' }),
    since: t.field({ type: 'DateTime', description: 'From this moment on.' }),
    until: t.field({ type: 'DateTime', description: 'Before this moment.' }),
  }),
})

builder.queryField('auditLog', (t) =>
  t.connection(
    {
      type: AuditEntryRef,
      authScopes: { role: 'ADMIN' },
      description:
        'Who did what to what, when and from where, newest first: every mutation but `predict`, whether it was done or refused, sign in and out, backups and checks. Whose answer you have is in it. Entries are kept for AUDIT_DAYS.',
      args: { filter: t.arg({ type: AuditFilterInput, description: 'Only these.' }) },
      resolve: (_root, { filter, ...args }, context, info) => {
        const where = whereOf(filter ?? {})
        return pageOfRows(
          { args, context, info },
          {
            key: 'seq',
            find: (query) => context.audit.list({ ...query, where: { ...query.where, ...where } }),
            count: () => context.audit.count(where),
          },
        )
      },
    },
    connectionOf(AuditEntryRef, 'AuditEntry'),
  ),
)

function whereOf(filter: typeof AuditFilterInput.$inferInput): Prisma.AuditEntryWhereInput {
  const { since, until } = filter
  return {
    viewerId: filter.viewerId ?? undefined,
    action: filter.action ?? undefined,
    outcome: filter.outcome ?? undefined,
    targetId: filter.targetId ?? undefined,
    at: since == null && until == null ? undefined : { gte: since ?? undefined, lt: until ?? undefined },
  }
}
