import type { SecretKind } from '../../access/secret.ts'
import type { MadeToken } from '../../access/service.ts'
import { ConflictError, NotFoundError, ValidationError } from '../../errors.ts'
import { audits } from '../builder/audit-options.ts'
import { builder } from '../builder/builder.ts'
import { connectionOf, pageOfRows } from '../builder/connection.ts'
import { described } from '../builder/described.ts'
import { resultOf } from '../builder/errors.ts'
import { RoleEnum } from './viewer.ts'

const AccessTokenKindEnum = builder.enumType('AccessTokenKind', {
  description: 'What lets somebody in.',
  values: described<SecretKind>({
    TOKEN: 'A token that an admin made.',
    SESSION: 'The session of a person who signed in with OpenID Connect.',
  }),
})

const AccessTokenRef = builder.prismaNode('AccessToken', {
  nullable: true,
  authScopes: { role: 'ADMIN' },
  description:
    'A token: what a program, or a person who signs in, is known by. Of somebody who signed in with OpenID Connect it is the session. Only admins see tokens.',
  id: { field: 'id', description: 'Global id.' },
  fields: (t) => ({
    kind: t.expose('kind', { type: AccessTokenKindEnum, description: 'Whether an admin made it.' }),
    name: t.exposeString('name', { description: 'Name of the token, or of the person, for people.' }),
    role: t.expose('role', { type: RoleEnum, description: 'What its bearer may.' }),
    owner: t.exposeString('ownerId', {
      description: 'Whom it speaks for: Viewer.id of its bearer. Several tokens may have the same.',
    }),
    prefix: t.exposeString('prefix', {
      description: 'Beginning of its secret, to know it by. The rest is kept nowhere.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it stops being valid; null for never.',
    }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was last used, to five minutes; null for never.',
    }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was revoked; null when it was not.',
    }),
  }),
})

const CreateTokenInput = builder.inputType('CreateTokenInput', {
  description: 'A token.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'Its name, which no other token has that is valid.' }),
    role: t.field({ type: RoleEnum, required: true, description: 'What its bearer may.' }),
    owner: t.string({
      description:
        'Whom it speaks for; its name when left out. Of a person with several tokens, or with a new one for an old one, the same: then what was made with the old one is still theirs.',
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When it stops being valid; never when left out.',
    }),
  }),
})

const CreatedToken = builder.objectRef<MadeToken>('CreatedToken').implement({
  description: 'A new token and its secret.',
  authScopes: { role: 'ADMIN' },
  fields: (t) => ({
    token: t.field({ type: AccessTokenRef, description: 'The token.', resolve: ({ token }) => token }),
    secret: t.exposeString('secret', {
      description:
        'What its bearer sends: `Authorization: Bearer SECRET`. It is answered once and kept nowhere; only a hash of it is.',
    }),
  }),
})

builder.queryField('tokens', (t) =>
  t.connection(
    {
      type: AccessTokenRef,
      authScopes: { role: 'ADMIN' },
      description: 'Tokens, newest first, also those that are revoked or expired.',
      resolve: (_root, args, context, info) =>
        pageOfRows(
          { args, context, info },
          { key: 'seq', find: context.access.tokens.list, count: context.access.tokens.count },
        ),
    },
    connectionOf(AccessTokenRef, 'AccessToken'),
  ),
)

builder.mutationFields((t) => ({
  createToken: t.field({
    type: CreatedToken,
    authScopes: { role: 'ADMIN' },
    errors: resultOf(
      'CreateToken',
      [ValidationError, ConflictError],
      'The new token with its secret, or why it was not made.',
    ),
    description: 'Makes a token. Its secret is answered once.',
    extensions: audits('AccessToken', ({ token }: MadeToken) => token.id),
    args: { input: t.arg({ type: CreateTokenInput, required: true, description: 'The token.' }) },
    resolve: (_root, { input: { name, role, owner, expiresAt } }, { access }) =>
      access.tokens.create({
        name,
        role,
        ownerId: owner ?? undefined,
        expiresAt: expiresAt ?? undefined,
      }),
  }),
  revokeToken: t.field({
    type: AccessTokenRef,
    authScopes: { role: 'ADMIN' },
    errors: resultOf('RevokeToken', [NotFoundError], 'The token as it is now, or why it was not revoked.'),
    description:
      'Ends a token, and the sessions of browsers that signed in with it, for good. What is open with it (sockets, streams, downloads) ends within seconds.',
    args: { id: t.arg.globalID({ for: AccessTokenRef, required: true, description: 'Id of the token.' }) },
    resolve: (_root, { id }, { access }) => access.tokens.revoke(id.id),
  }),
}))
