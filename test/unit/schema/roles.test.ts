import { type ExecutionResult, execute, parse, subscribe, validate } from 'graphql'
import { describe, expect, test } from 'vitest'
import { LOCAL_VIEWER, mayAs, ROLES, type Role } from '../../../src/access/viewer.ts'
import type { Context } from '../../../src/schema/builder/context.ts'
import { neededRole } from '../../../src/schema/builder/rules.ts'
import { schema } from '../../../src/schema/index.ts'
import { UploadedFile } from '../../../src/uploads.ts'
import { OPERATIONS, type Operation } from '../../support/operations.ts'

class Reached extends Error {}

/** Without a service: whoever needs one has come through. */
function contextOf(role: Role): Context {
  const viewer = { ...LOCAL_VIEWER, role }
  const audit = { record: async () => {} }
  return new Proxy({ viewer, audit, origin: undefined } as unknown as Context, {
    get(target, key) {
      if (Reflect.has(target, key) || typeof key === 'symbol') return Reflect.get(target, key)
      throw new Reached(String(key))
    },
  })
}

/** Whether a resolver was come to, or the operation refused for want of a role. */
async function outcome({ kind, document }: Operation, role: Role): Promise<'allowed' | 'forbidden'> {
  const parsed = parse(document)
  expect(validate(schema, parsed), document).toEqual([])
  const variableValues = { file: new UploadedFile('file', 0, '/nowhere') }
  const args = { schema, document: parsed, variableValues, contextValue: contextOf(role) }
  const result = (await (kind === 'subscription' ? subscribe(args) : execute(args))) as ExecutionResult
  const error = result.errors?.[0]?.originalError
  return error?.name === 'ForbiddenError' ? 'forbidden' : 'allowed'
}

describe('the rules of the schema', () => {
  test('have a line for every operation, and no line for one that is not there', () => {
    const roots = [schema.getQueryType()!, schema.getMutationType()!, schema.getSubscriptionType()!]
    const rules = roots.flatMap((root) =>
      Object.values(root.getFields()).map((field) => `${root.name}.${field.name} ${neededRole(field)}`),
    )
    const lines = OPERATIONS.map(
      ({ kind, name, role }) => `${kind[0]!.toUpperCase()}${kind.slice(1)}.${name} ${role}`,
    )
    expect(lines.sort()).toEqual(rules.sort())
  })

  test('let those through who have the role, or a higher one, and nobody else', async () => {
    const nobody = 'NOBODY' as Role
    for (const operation of OPERATIONS) {
      for (const role of [nobody, ...ROLES]) {
        const expected = mayAs({ role }, operation.role) ? 'allowed' : 'forbidden'
        expect(await outcome(operation, role), `${operation.kind} ${operation.name} as ${role}`).toBe(
          expected,
        )
      }
    }
  })

  test('are asked once when a stream is opened, and not again for its events', async () => {
    let asked = 0
    const viewer = {
      ...LOCAL_VIEWER,
      get role() {
        asked++
        return 'VIEWER'
      },
    }
    async function* follow() {
      for (let event = 0; event < 3; event++) yield {}
    }
    const contextValue = { viewer, models: { changed: { follow } } }
    const document = parse('subscription { modelsChanged { __typename } }')
    const events = (await subscribe({ schema, document, contextValue })) as AsyncIterable<ExecutionResult>
    let count = 0
    for await (const { errors } of events) {
      expect(errors).toBeUndefined()
      count++
    }
    expect([count, asked]).toEqual([3, 1])
  })
})
