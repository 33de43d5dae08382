import { getNamedType, isInputObjectType } from 'graphql'
import { expect, test } from 'vitest'
import { detailOf, TOLD } from '../../../src/audit/detail.ts'
import { schema } from '../../../src/schema/index.ts'

test('Only values that are known to be no secrets are told, of the arguments and of the input', () => {
  expect(detailOf({ id: 'x', idempotencyKey: 'key', secret: 'a', notes: 'private' })).toBeNull()
  const input = { name: 'a', url: 'https://user:password@example.org', model: { alias: 'x' }, steps: 3 }
  expect(detailOf({ limit: 5, protected: true, input })).toEqual({
    limit: 5,
    protected: true,
    name: 'a',
    steps: 3,
  })
})

test('A long text is cut, and not within a character', () => {
  const { name } = detailOf({ name: `a${'👩'.repeat(10_000)}` }) as { name: string }
  expect(name).toBe(`a${'👩'.repeat(199)}`)
})

test('Every value that is told is an argument of a mutation', () => {
  const named = Object.values(schema.getMutationType()!.getFields()).flatMap(({ args }) =>
    args.flatMap(({ name, type }) => {
      const input = getNamedType(type)
      return isInputObjectType(input) && name === 'input' ? Object.keys(input.getFields()) : [name]
    }),
  )
  for (const name of TOLD) expect(named).toContain(name)
})
