import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core'
import type { GraphQLField } from 'graphql'
import { ROLES, type Role } from '../../access/viewer.ts'

/**
 * Each operation says by `authScopes: { role }` who may ask for it, or there is no schema: one that was forgotten would be
 * everybody's. Its description says so, too.
 */
class RulesPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override onOutputFieldConfig(fieldConfig: PothosOutputFieldConfig<Types>): PothosOutputFieldConfig<Types> {
    const { kind, parentType, name, description, pothosOptions } = fieldConfig
    if (kind !== 'Query' && kind !== 'Mutation' && kind !== 'Subscription') return fieldConfig
    const role = roleIn(pothosOptions)
    if (role === null)
      throw new Error(`${parentType}.${name} does not say by authScopes which role it needs.`)
    if (role === ROLES[0]) return fieldConfig
    return { ...fieldConfig, description: `${description} Needs the role ${role}.` }
  }
}

/** The role that a field of Query, Mutation or Subscription needs. */
export function neededRole(field: GraphQLField<unknown, unknown>): Role {
  return roleIn(field.extensions.pothosOptions)!
}

function roleIn(options: unknown): Role | null {
  return (options as { authScopes?: { role?: Role } }).authScopes?.role ?? null
}

declare global {
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      rules: RulesPlugin<Types>
    }
  }
}

export const RULES = 'rules'
SchemaBuilder.registerPlugin(RULES, RulesPlugin)
