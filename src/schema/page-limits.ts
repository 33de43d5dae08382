import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core'
import type { GraphQLFieldResolver } from 'graphql'
import { badInput, checkRange } from './input-error.ts'

export const MAX_PAGE = 100
export const DEFAULT_PAGE = 20

/** As Pothos writes them: by the id of a row, or by the place in a list. What it reads from one goes to Prisma as it is. */
const CURSOR = /^(GPC:S:[\w-]+|OffsetConnection:\d{1,9})$/

/**
 * Wherever a field is a connection (it has `first`, `last` and `before`): refuses a page size that Pothos would silently cut and a cursor that it would
 * stumble over, and lets the size count in the cost of the operation.
 */
class PageLimitsPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override onOutputFieldConfig(fieldConfig: PothosOutputFieldConfig<Types>): PothosOutputFieldConfig<Types> {
    if (!isPaged(fieldConfig)) return fieldConfig
    const complexity = ({ first, last }: Page) => ({ field: 1, multiplier: first ?? last ?? DEFAULT_PAGE })
    // Where the complexity plugin looks; it has been here before.
    return { ...fieldConfig, extensions: { ...fieldConfig.extensions, complexity } }
  }

  override wrapResolve(
    resolver: GraphQLFieldResolver<unknown, Types['Context'], object>,
    fieldConfig: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    if (!isPaged(fieldConfig)) return resolver
    return (parent, args, context, info) => {
      for (const name of ['first', 'last'] as const) {
        const size = (args as Page)[name]
        if (size != null) checkRange(`${info.fieldName}: ${name}`, size, 1, MAX_PAGE)
      }
      for (const name of ['after', 'before'] as const) {
        const cursor = (args as Page)[name]
        if (cursor != null && !CURSOR.test(Buffer.from(cursor, 'base64').toString('utf8'))) {
          throw badInput(`${info.fieldName}: ${name} is not a cursor of this connection.`)
        }
      }
      return resolver(parent, args, context, info)
    }
  }
}

interface Page {
  after?: string | null
  before?: string | null
  first?: number | null
  last?: number | null
}

function isPaged({ args }: { args: object }): boolean {
  return 'first' in args && 'last' in args && 'before' in args
}

declare global {
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      pageLimits: PageLimitsPlugin<Types>
    }
  }
}

export const PAGE_LIMITS = 'pageLimits'
SchemaBuilder.registerPlugin(PAGE_LIMITS, PageLimitsPlugin)
