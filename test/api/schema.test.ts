import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isUnionType,
} from 'graphql'
import { expect, test } from 'vitest'
import { schema } from '../../src/schema/index.ts'

const types = Object.values(schema.getTypeMap()).filter((type) => !type.name.startsWith('__'))
const BUILT_IN = ['Boolean', 'Float', 'ID', 'Int', 'String']

test('every type, field, argument and enum value of the schema has a description', () => {
  const silent: string[] = []
  const check = (place: string, { description }: { description?: string | null }) => {
    if (!description) silent.push(place)
  }
  for (const type of types) {
    if (BUILT_IN.includes(type.name)) continue
    check(type.name, type)
    if (isObjectType(type) || isInterfaceType(type)) {
      for (const field of Object.values(type.getFields())) {
        check(`${type.name}.${field.name}`, field)
        for (const arg of field.args) check(`${type.name}.${field.name}(${arg.name})`, arg)
      }
    }
    if (isEnumType(type)) {
      for (const value of type.getValues()) {
        check(`${type.name}.${value.name}`, value)
        // Its name in other letters says nothing.
        const said = value.description
          ?.toUpperCase()
          .replace(/[^A-Z0-9]+/g, '_')
          .replace(/^_|_$/g, '')
        if (said === value.name) silent.push(`${type.name}.${value.name}`)
      }
    }
    if (isInputObjectType(type)) {
      for (const field of Object.values(type.getFields())) check(`${type.name}.${field.name}`, field)
    }
  }
  expect(silent).toEqual([])
})

test('every result of a mutation is a union of the thing itself and errors, and every error is an Error', () => {
  const isError = (name: string) => name.endsWith('Error')
  for (const field of Object.values(schema.getMutationType()!.getFields())) {
    const result = getNamedType(field.type)
    if (!isUnionType(result)) throw new Error(`${field.name} answers ${result.name}`)
    const members = result.getTypes()
    expect(members.filter(({ name }) => !isError(name))).toHaveLength(1)
    for (const member of members.filter(({ name }) => isError(name))) {
      expect(member.getInterfaces().map(({ name }) => name)).toContain('Error')
    }
  }
})

test('every value of an enum is written in capitals', () => {
  for (const type of types.filter(isEnumType)) {
    for (const { name } of type.getValues()) expect(name).toMatch(/^[A-Z][A-Z0-9_]*$/)
  }
})
