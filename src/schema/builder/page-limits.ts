import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core'
import type { GraphQLFieldResolver } from 'graphql'
import { badInput, checkRange } from './input-error.ts'

export const MAX_PAGE = 100
export const DEFAULT_PAGE = 20

/**
 * Wherever a field is a connection (it has `first`, `last` and `before`): refuses a page size that Pothos would
 * silently cut, and both sizes at once, and lets the size count in the cost of the operation.
 */
class PageLimitsPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override onOutputFieldConfig(fieldConfig: PothosOutputFieldConfig<Types>): PothosOutputFieldConfig<Types> {
    if (!isPaged(fieldConfig)) return fieldConfig
    const complexity = ({ first, last }: Page) => ({
      field: 1,
      multiplier: Math.max(1, first ?? last ?? DEFAULT_PAGE),
    })
    // Where the complexity plugin looks; it has been here before.
    return { ...fieldConfig, extensions: { ...fieldConfig.extensions, complexity } }
  }

  override wrapResolve(
    resolver: GraphQLFieldResolver<unknown, Types['Context'], object>,
    fieldConfig: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    if (!isPaged(fieldConfig)) return resolver
    return (parent, args, context, info) => {
      const { first, last } = args as Page
      if (first != null && last != null) throw badInput(`${info.fieldName}: first or last, not both.`)
      if (first != null) checkRange(`${info.fieldName}: first`, first, 0, MAX_PAGE)
      if (last != null) checkRange(`${info.fieldName}: last`, last, 0, MAX_PAGE)
      return resolver(parent, args, context, info)
    }
  }
}

interface Page {
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
