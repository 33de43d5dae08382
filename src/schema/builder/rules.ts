import SchemaBuilder, {
  BasePlugin,
  type FieldNullability,
  type InputFieldMap,
  type InputShapeFromFields,
  type MaybePromise,
  type PothosOutputFieldConfig,
  type SchemaTypes,
  type TypeParam,
} from '@pothos/core'
import type { GraphQLField, GraphQLFieldResolver } from 'graphql'
import { demandOwner, type Owned, ROLES, type Role } from '../../access/viewer.ts'
import type { Context } from './context.ts'

/**
 * Each operation says by `authScopes: { role }` who may ask for it, and each that an operator changes something by says
 * in `changes` whose that is; or there is no schema: one that was forgotten would be everybody's. Its description says the
 * role, too.
 */
class RulesPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override onOutputFieldConfig(fieldConfig: PothosOutputFieldConfig<Types>): PothosOutputFieldConfig<Types> {
    const { kind, parentType, name, description, pothosOptions } = fieldConfig
    if (kind !== 'Query' && kind !== 'Mutation' && kind !== 'Subscription') return fieldConfig
    const { authScopes, changes } = pothosOptions as Rules
    const role = authScopes?.role
    if (role === undefined) {
      throw new Error(`${parentType}.${name} does not say by authScopes which role it needs.`)
    }
    if (kind === 'Mutation' && role === 'OPERATOR' && changes === undefined) {
      throw new Error(
        `${parentType}.${name} does not say by changes whose it changes; null is for what is new.`,
      )
    }
    if (role === ROLES[0]) return fieldConfig
    return { ...fieldConfig, description: `${description} Needs the role ${role}.` }
  }

  override wrapResolve(
    resolver: GraphQLFieldResolver<unknown, Types['Context'], object>,
    { pothosOptions }: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    const { changes } = pothosOptions as Rules
    if (changes == null) return resolver
    return async (parent, args, context, info) => {
      const { viewer } = context as unknown as Context
      const owned = viewer.changesAll ? null : await changes(args, context)
      if (owned !== null) demandOwner(viewer, owned)
      return resolver(parent, args, context, info)
    }
  }
}

interface Rules {
  authScopes?: { role?: Role }
  changes?: ((args: object, context: object) => MaybePromise<Owned | null>) | null
}

/** The role that a field of Query, Mutation or Subscription needs. */
export function neededRole(field: GraphQLField<unknown, unknown>): Role {
  return (field.extensions.pothosOptions as Rules).authScopes!.role!
}

/** Whether a mutation changes what somebody made. */
export function changesOwned(field: GraphQLField<unknown, unknown>): boolean {
  return (field.extensions.pothosOptions as Rules).changes != null
}

declare global {
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      rules: RulesPlugin<Types>
    }

    export interface MutationFieldOptions<
      Types extends SchemaTypes,
      Type extends TypeParam<Types>,
      Nullable extends FieldNullability<Type>,
      Args extends InputFieldMap,
      ResolveReturnShape,
    > {
      /** What the mutation changes, if it is there; null for one that changes nothing that somebody made. */
      changes?:
        | ((args: InputShapeFromFields<Args>, context: Types['Context']) => MaybePromise<Owned | null>)
        | null
    }
  }
}

export const RULES = 'rules'
SchemaBuilder.registerPlugin(RULES, RulesPlugin)
