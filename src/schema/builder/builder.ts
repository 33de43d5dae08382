import SchemaBuilder from '@pothos/core'
import ComplexityPlugin from '@pothos/plugin-complexity'
import ErrorsPlugin from '@pothos/plugin-errors'
import PrismaPlugin from '@pothos/plugin-prisma'
import RelayPlugin from '@pothos/plugin-relay'
import ScopeAuthPlugin from '@pothos/plugin-scope-auth'
import { demandRole, type Role } from '../../access/viewer.ts'
import type { PrismaClient } from '../../db/generated/client.ts'
import type PrismaTypes from '../../db/generated/pothos.ts'
import { getDatamodel } from '../../db/generated/pothos.ts'
import type { UploadedFile } from '../../uploads.ts'
import type { Context } from './context.ts'
import { GONE } from './gone.ts'
import { badInput, checkRange, tooComplex } from './input-error.ts'
import { LIMITS } from './limits.ts'
import { DEFAULT_PAGE, MAX_PAGE, PAGE_LIMITS } from './page-limits.ts'
import { RULES } from './rules.ts'
import { SUBSCRIPTION_LIMITS } from './subscription-limits.ts'

export const builder = new SchemaBuilder<{
  Context: Context
  AuthScopes: { role: Role }
  PrismaTypes: PrismaTypes
  DefaultFieldNullability: false
  DefaultEdgesNullability: false
  DefaultNodeNullability: false
  Scalars: {
    Cursor: { Input: number; Output: number }
    DataUrl: { Input: never; Output: { mediaType: string; bytes: Uint8Array } }
    DateTime: { Input: Date; Output: Date }
    File: { Input: UploadedFile; Output: never }
    ID: { Input: string; Output: string | number | bigint }
    LogCursor: { Input: number; Output: number }
  }
}>({
  // Who may not ask is refused before anything else. Then errors: what they turn into a union member must not reach the
  // plugins outside of it.
  plugins: [
    ScopeAuthPlugin,
    ErrorsPlugin,
    GONE,
    PAGE_LIMITS,
    SUBSCRIPTION_LIMITS,
    RelayPlugin,
    PrismaPlugin,
    ComplexityPlugin,
    // Behind what reads ids.
    RULES,
  ],
  defaultFieldNullability: false,
  scopeAuth: {
    // Not again for each event.
    authorizeOnSubscribe: true,
    authScopes: ({ viewer }) => ({
      role(needed) {
        demandRole(viewer, needed)
        return true
      },
    }),
  },
  relay: {
    // The page's size counts at the connection (page-limits.ts), not again at its edges.
    edgesFieldOptions: {
      nullable: false,
      description: 'Objects of the page, each with its cursor.',
      complexity: { field: 1, multiplier: 1 },
    },
    nodeFieldOptions: { nullable: false, description: 'The object.' },
    cursorFieldOptions: {
      description: 'Cursor of the object: pass it as `after` or `before` to go on from here.',
    },
    pageInfoFieldOptions: { description: 'Place of the page among all pages.' },
    pageInfoTypeOptions: { description: 'Place of a page among all pages.' },
    hasNextPageFieldOptions: { description: 'Whether there is more behind it.' },
    hasPreviousPageFieldOptions: { description: 'Whether there is more before it.' },
    startCursorFieldOptions: { description: 'Cursor of the first object; null on an empty page.' },
    endCursorFieldOptions: { description: 'Cursor of the last object; null on an empty page.' },
    firstArgOptions: {
      description: `Number of objects from the beginning, 0 to ${MAX_PAGE}; ${DEFAULT_PAGE} when left out.`,
    },
    lastArgOptions: {
      description: `Instead of \`first\`: number of objects from the end, 0 to ${MAX_PAGE}.`,
    },
    afterArgOptions: { description: 'Only what comes behind this cursor.' },
    beforeArgOptions: { description: 'Only what comes before this cursor.' },
    nodeTypeOptions: { description: 'An object with a global id.' },
    idFieldOptions: { description: 'Global id.' },
    nodeQueryOptions: {
      description: 'Any object by its global id; null when there is none.',
      authScopes: { role: 'VIEWER' },
      args: { id: { description: 'Global id of the object.' } },
    },
    nodesQueryOptions: {
      description: 'Objects by their global ids, in the order asked; null for each that is not there.',
      authScopes: { role: 'VIEWER' },
      complexity: ({ ids }) => ({ field: 1, multiplier: Math.max(1, ids.length) }),
      args: { ids: { description: `Global ids of the objects, at most ${MAX_PAGE}.` } },
      resolve: (_root, { ids }, _context, _info, resolveNodes) => {
        checkRange('nodes: the number of ids', ids.length, 0, MAX_PAGE)
        return resolveNodes(ids) as never
      },
    },
    decodeGlobalID,
  },
  prisma: {
    client: (context) => context.database.prisma as PrismaClient,
    dmmf: getDatamodel(),
  },
  complexity: {
    limit: ({ isEvent }) => (isEvent ? {} : LIMITS),
    defaultListMultiplier: 10,
    complexityError: (kind, { complexity, depth, breadth }) =>
      tooComplex(
        {
          Complexity: `costs ${complexity}; the limit is ${LIMITS.complexity}: ask for smaller pages or fewer nested lists`,
          Depth: `is ${depth} levels deep; the limit is ${LIMITS.depth}`,
          Breadth: `selects ${breadth} fields; the limit is ${LIMITS.breadth}`,
        }[kind],
      ),
  },
})

builder.queryType({ description: 'Reading; nothing here changes anything.' })
builder.mutationType({ description: 'Changes. Expected failures are members of each result union.' })
builder.subscriptionType({ description: 'Live streams, over WebSocket (graphql-ws) and server-sent events.' })

function isNode(typename: string): boolean {
  if (!builder.configStore.hasConfig(typename)) return false
  const config = builder.configStore.getTypeConfig(typename)
  const interfaces: readonly unknown[] = config.kind === 'Object' ? config.interfaces : []
  return interfaces.includes(builder.nodeInterfaceRef())
}

/** base64("Type:id"), as Relay's specification suggests. */
function decodeGlobalID(globalId: string): { typename: string; id: string } {
  const text = Buffer.from(globalId, 'base64').toString('utf8')
  const [, typename, id] = /^(\w+):([\w.@-]+)$/.exec(text) ?? []
  const isWhole = Buffer.from(text, 'utf8').toString('base64') === globalId
  if (typename === undefined || !isWhole || !isNode(typename)) {
    throw badInput(`"${globalId.slice(0, 100)}" is not an id of this API. Use the id field of an object.`)
  }
  return { typename, id }
}
