import { LOCAL_VIEWER, type ROLES, type Viewer } from '../../access/viewer.ts'
import { builder } from '../builder/builder.ts'
import { described } from '../builder/described.ts'

export const RoleEnum = builder.enumType('Role', {
  description: 'What a viewer may: each what the one before may, and more.',
  values: described<(typeof ROLES)[number]>({
    VIEWER: 'Reads everything, and predicts without storing.',
    OPERATOR: 'Trains, stores predictions, imports, and changes what is theirs.',
    ADMIN: 'Deletes, protects aliases, manages tokens and webhooks, and changes what is of others.',
  }),
})

const ViewerKind = builder.enumType('ViewerKind', {
  description: 'How a viewer is known.',
  values: described<Viewer['kind']>({
    LOCAL: 'Not at all: the server has no authentication, and everyone is the same viewer.',
    TOKEN: 'By a token.',
    SESSION: 'By the cookie of a browser that signed in.',
  }),
})

const ViewerRef = builder.objectRef<Viewer>('Viewer').implement({
  description: 'Who asks.',
  fields: (t) => ({
    id: t.exposeString('id', {
      description: `What the viewer makes is its own by this, whatever token it comes with: the token's owner. "${LOCAL_VIEWER.id}" without authentication.`,
    }),
    name: t.exposeString('name', { description: 'Name of the token, or of the person, for people.' }),
    role: t.expose('role', { type: RoleEnum, description: 'What the viewer may.' }),
    changesAll: t.exposeBoolean('changesAll', {
      description:
        'Whether the viewer may change what others made: admins may, and with OPERATORS_SHARE=true operators.',
    }),
    kind: t.expose('kind', { type: ViewerKind, description: 'How the viewer is known.' }),
  }),
})

builder.queryField('viewer', (t) =>
  t.field({
    type: ViewerRef,
    authScopes: { role: 'VIEWER' },
    description: 'Who asks.',
    resolve: (_root, _args, { viewer }) => viewer,
  }),
)
