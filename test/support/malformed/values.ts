import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import {
  buildSchema,
  type GraphQLInputType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql'
import type { Draw } from '../random.ts'

export const SCHEMA = buildSchema(
  readFileSync(resolve(import.meta.dirname, '../../../schema.graphql'), 'utf8'),
)

/** Of a document or of JSON: what JavaScript has no value for is written as it stands. */
export type Value = null | boolean | string | Written | readonly Value[] | Fields
export class Written {
  readonly literal: string
  readonly json: string
  constructor(literal: string, json = literal) {
    this.literal = literal
    this.json = json
  }
}
export class Fields {
  readonly entries: readonly (readonly [string, Value])[]
  constructor(entries: readonly (readonly [string, Value])[]) {
    this.entries = entries
  }
}

const STRINGS = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\ud800',
  'x\udfff',
  '\u202eelif',
  'x'.repeat(5000),
  '猫 🐈',
  '../../etc/passwd',
  "'; DROP TABLE",
  '%_\\',
  '{}',
  '-1',
  '1e309',
  'NaN',
  '__proto__',
  'constructor',
  'toString',
  'tiny',
  'vgg_mini',
  'none',
  '64 M',
  '64,M,'.repeat(100),
  '2026-02-30T25:61:61Z',
  '-271821-04-20T00:00:00.000Z',
  '+275760-09-13T00:00:00.001Z',
  '0000-01-01T00:00:00Z',
  '\n\r\u2028',
  '\ufeff',
  '#1',
  '#99999999999999999999',
  'pets@2',
  'tiny@99999999999999999999',
  '@',
  'data:image/png;base64,',
  'data:,x',
  'AAAA',
  'R0lGODlhAQABAAAAACwAAAAAAQABAAA=',
]
const NUMBERS = [
  '0',
  '1',
  '-1',
  '2',
  '100',
  '101',
  '2147483647',
  '2147483648',
  '-2147483649',
  '9007199254740993',
  '1e21',
  '1e999',
  '-1e999',
  '1e-400',
  '5e-324',
  '-0',
  '0.5',
  '1.0000000000000002',
  '123456789012345678901234567890',
]
const TYPES = [
  'TrainingRun',
  'ModelVersion',
  'AccessToken',
  'PredictionBatch',
  'Prediction',
  'Architecture',
  'Dataset',
  'Model',
  'Query',
  '__proto__',
]
const KEYS = [
  '1',
  '0',
  '-1',
  '1.5',
  '',
  '\0',
  '99999999999999999999',
  'none',
  'x'.repeat(3000),
  '\ud800',
  '{}',
  '00000000-0000-0000-0000-000000000000',
]
const CURSORS = [
  'event:',
  'event:-1',
  'event:99999999999999999999',
  'event:1.5',
  'event:\0',
  'log:1',
  'GPC:N:99999999999',
  'GPC:S:\0',
  'GPC:J:[',
  'GPC:J:[1,2]',
  'GPC:D:x',
  'OC:-1',
  'OC:99999999999999',
  'OC:x',
  '\xff\xfe',
]

export function text(draw: Draw): string {
  const kind = draw.below(10)
  if (kind < 5) return draw.oneOf(STRINGS)
  if (kind < 7) return encoded(draw, `${draw.oneOf(TYPES)}:${draw.oneOf(KEYS)}`)
  if (kind < 8) return encoded(draw, draw.oneOf(CURSORS))
  if (kind < 9) return draw.bytes(draw.below(40)).toString('latin1')
  return draw.oneOf(STRINGS) + draw.oneOf(STRINGS)
}

const encoded = (draw: Draw, what: string) => Buffer.from(what).toString(draw.oneOf(['base64', 'base64url']))
const number = (draw: Draw) => new Written(draw.oneOf(NUMBERS))

/** Of no type in particular. */
export function anything(draw: Draw, depth = 3): Value {
  const simple = [() => null, () => draw.chance(0.5), () => text(draw), () => number(draw)]
  if (depth === 0) return draw.oneOf<() => Value>(simple)()
  const many = () => Array.from({ length: draw.oneOf([0, 1, 2, 3, 3, 400]) }, () => anything(draw, depth - 1))
  const fields = () =>
    new Fields(
      Array.from({ length: draw.below(4) }, () => [
        draw.oneOf(['id', 'input', 'name', 'x', '__proto__', 'constructor', 'toJSON', 'length', 'then']),
        anything(draw, depth - 1),
      ]),
    )
  return draw.oneOf<() => Value>([...simple, many, fields])()
}

/** Mostly of a type, so that it gets far. */
export function valueOfType(draw: Draw, type: GraphQLInputType, depth = 6): Value {
  if (draw.chance(0.06)) return anything(draw, 2)
  if (isNonNullType(type)) return draw.chance(0.02) ? null : valueOfType(draw, type.ofType, depth)
  if (draw.chance(0.1) || depth === 0) return null
  if (isListType(type)) {
    const length = draw.oneOf([0, 1, 1, 2, 3, draw.chance(0.1) ? 300 : 4])
    return Array.from({ length }, () => valueOfType(draw, type.ofType, depth - 1))
  }
  if (isEnumType(type)) {
    const { name } = draw.oneOf(type.getValues())
    return new Written(name, JSON.stringify(name))
  }
  if (isInputObjectType(type)) {
    const all = Object.values(type.getFields())
    const some =
      type.isOneOf && draw.chance(0.9)
        ? [draw.oneOf(all)]
        : all.filter((field) => draw.chance(isNonNullType(field.type) ? 0.97 : 0.35))
    const entries = some.map((field) => [field.name, valueOfType(draw, field.type, depth - 1)] as const)
    if (draw.chance(0.03))
      entries.push([draw.oneOf(['surplus', '__proto__', 'constructor']), anything(draw, 1)])
    return new Fields(entries)
  }
  if (type.name === 'Boolean') return draw.chance(0.5)
  if (type.name === 'Int' || type.name === 'Float') return number(draw)
  return text(draw)
}

export function literalOf(value: Value): string {
  if (value instanceof Written) return value.literal
  if (value instanceof Fields)
    return `{ ${value.entries.map(([name, it]) => `${name}: ${literalOf(it)}`).join(', ')} }`
  if (Array.isArray(value)) return `[${value.map(literalOf).join(', ')}]`
  return JSON.stringify(value)
}

export function jsonOf(value: Value): string {
  if (value instanceof Written) return value.json
  if (value instanceof Fields)
    return `{${value.entries.map(([name, it]) => `${JSON.stringify(name)}:${jsonOf(it)}`).join(',')}}`
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(',')}]`
  return JSON.stringify(value)
}
