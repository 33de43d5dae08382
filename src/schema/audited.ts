import { errorTypeMap } from '@pothos/plugin-errors'
import { encodeGlobalID } from '@pothos/plugin-relay'
import {
  GraphQLError,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getNamedType,
  isObjectType,
  isUnionType,
} from 'graphql'
import { detailOf } from '../audit/detail.ts'
import type { AuditEvent } from '../audit/log.ts'
import type { AuditOption } from './builder/audit-options.ts'
import type { Context } from './builder/context.ts'
import { codedError } from './builder/errors.ts'

type Args = Readonly<Record<string, unknown>>
type Target = NonNullable<AuditEvent['target']>
type Outcome = Pick<AuditEvent, 'outcome' | 'error'>

/**
 * Records each mutation in the audit log: around all that a resolver is wrapped in, so that none is
 * forgotten, and none that was refused.
 */
export function audited(schema: GraphQLSchema): GraphQLSchema {
  for (const field of Object.values(schema.getMutationType()!.getFields())) {
    const option = auditOption(field)
    if (option !== false) field.resolve = recorded(field, field.resolve!, option)
  }
  return schema
}

/** Undefined for a mutation like most. */
export function auditOption({ extensions }: GraphQLField<unknown, Context>): AuditOption | undefined {
  return extensions.audit as AuditOption | undefined
}

function recorded(
  field: GraphQLField<unknown, Context, Args>,
  resolve: GraphQLFieldResolver<unknown, Context, Args>,
  made: AuditOption | undefined,
): GraphQLFieldResolver<unknown, Context, Args> {
  const type = successOf(field)

  async function targetOf(result: unknown, args: Args, context: Context, info: GraphQLResolveInfo) {
    const changed = targetIn(args)
    if (changed !== null || result == null) return changed
    if (made) return { type: made.type, id: encodeGlobalID(made.type, made.idOf(result)) }
    if (!isNode(type)) return null
    const id = await type.getFields().id!.resolve!(result, {}, context, info)
    return { type: type.name, id: String(id) }
  }

  return async (parent, args, context, info) => {
    const { audit, viewer, origin } = context
    const tell = (outcome: Outcome, target: Target | null) =>
      audit.record({
        action: field.name,
        viewer,
        origin: origin ?? UNKNOWN,
        ...outcome,
        target,
        detail: detailOf(args),
      })
    let result: unknown
    try {
      result = await resolve(parent, args, context, info)
    } catch (error) {
      await tell(failureOf(error), targetIn(args))
      throw error
    }
    const refusal = refusalOf(result)
    await tell(
      refusal ?? { outcome: 'DONE' },
      await targetOf(refusal === null ? result : null, args, context, info),
    )
    return result
  }
}

/** Of what is executed without a request: tests. */
const UNKNOWN = { requestId: '', address: '' }

/** What is answered where nothing is wrong. */
function successOf({ type }: GraphQLField<unknown, Context, Args>) {
  const named = getNamedType(type)
  if (!isUnionType(named)) return named
  return named.getTypes().find((member) => !implementsOne(member, 'Error'))!
}

function isNode(type: ReturnType<typeof successOf>): type is GraphQLObjectType<unknown, Context> {
  return isObjectType(type) && implementsOne(type, 'Node')
}

function implementsOne(type: GraphQLObjectType, name: string): boolean {
  return type.getInterfaces().some((it) => it.name === name)
}

/** An error that became a member of the result. */
function refusalOf(result: unknown): Outcome | null {
  const type = typeof result === 'object' && result !== null ? errorTypeMap.get(result) : undefined
  return type === undefined ? null : { outcome: 'REFUSED', error: type.name }
}

function failureOf(error: unknown): Outcome {
  const expected = error instanceof GraphQLError ? error : codedError(error)
  if (expected !== null) return { outcome: 'REFUSED', error: String(expected.extensions.code) }
  return { outcome: 'FAILED', error: error instanceof Error ? error.name : 'Error' }
}

/** What a mutation is told to change by its argument `id`; null for none, and for what is no id. */
function targetIn({ id }: Args): Target | null {
  if (typeof id !== 'string') return null
  const type = /^(\w+):/.exec(Buffer.from(id, 'base64').toString('utf8'))?.[1]
  return type === undefined ? null : { type, id: id.slice(0, 200) }
}
