import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core'
import type { GraphQLFieldResolver } from 'graphql'
import { badInput } from './input-error.ts'

export const MAX_PAGE = 100
export const DEFAULT_PAGE = 20

/**
 * Wherever a field has `first` and `last`: refuses a page size that Pothos would silently cut, and lets the size count
 * in the cost of the operation.
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
        if (size != null && (size < 1 || size > MAX_PAGE)) {
          throw badInput(`${info.fieldName}: ${name} must be from 1 to ${MAX_PAGE}, not ${size}.`)
        }
      }
      return resolver(parent, args, context, info)
    }
  }
}

interface Page {
  first?: number | null
  last?: number | null
}

function isPaged({ args }: { args: object }): boolean {
  return 'first' in args && 'last' in args
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
