import SchemaBuilder, {
  BasePlugin,
  isThenable,
  type PothosOutputFieldConfig,
  type SchemaTypes,
} from '@pothos/core'
import type { GraphQLFieldResolver } from 'graphql'
import { isMissing } from '../../db/errors.ts'
import { NotFoundError } from '../../errors.ts'

const WHY = 'was deleted while it was being read.'

/**
 * A request reads one row after another, and any of them may be deleted in between. A field that finds no row any more,
 * or that must lead to a node and finds none, is a NotFoundError like any other: a member of the field's union, or an
 * error with the code NOT_FOUND.
 */
class GonePlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(
    resolver: GraphQLFieldResolver<unknown, Types['Context'], object>,
    fieldConfig: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    const what = this.requiredNode(fieldConfig)
    const found = (value: unknown) => {
      if (value == null && what !== null) throw new NotFoundError(`The ${what} ${WHY}`)
      return value
    }
    const failed = (error: unknown): never => {
      throw isMissing(error) ? new NotFoundError(`What this field reads ${WHY}`) : error
    }
    return (parent, args, context, info) => {
      const value = resolver(parent, args, context, info)
      return isThenable(value) ? value.then(found, failed) : found(value)
    }
  }

  /** The name of the type of node that the field always answers; null for any other field. */
  private requiredNode({ type }: PothosOutputFieldConfig<Types>): string | null {
    if (type.kind !== 'Object' || type.nullable) return null
    const config = this.buildCache.getTypeConfig(type.ref, 'Object')
    const isNode = config.interfaces.some((it) => this.buildCache.getTypeConfig(it).name === 'Node')
    return isNode ? config.name : null
  }
}

declare global {
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      gone: GonePlugin<Types>
    }
  }
}

export const GONE = 'gone'
SchemaBuilder.registerPlugin(GONE, GonePlugin)
