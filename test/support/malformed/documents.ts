import {
  type GraphQLField,
  type GraphQLOutputType,
  getNamedType,
  isInterfaceType,
  isNonNullType,
  isObjectType,
  isUnionType,
} from 'graphql'
import { OPERATIONS } from '../operations.ts'
import type { Draw } from '../random.ts'
import { anything, Fields, jsonOf, literalOf, SCHEMA, type Value, valueOfType, Written } from './values.ts'

/** A document and its variables as JSON. */
export interface Asked {
  query: string
  variables: string
}

type Kind = 'query' | 'mutation' | 'subscription'

/** Asks for a field with values of its types, most of which somebody might send, some nobody. */
function wellFormed(draw: Draw, kind: Kind): Asked {
  const root = {
    query: SCHEMA.getQueryType(),
    mutation: SCHEMA.getMutationType(),
    subscription: SCHEMA.getSubscriptionType(),
  }[kind]!
  const field = draw.oneOf(Object.values(root.getFields()))
  const variables: (readonly [string, Value])[] = []
  const declared: string[] = []
  const given = field.args.flatMap((arg) => {
    if (!isNonNullType(arg.type) && draw.chance(0.5)) return []
    const value = valueOfType(draw, arg.type)
    if (draw.chance(0.4)) return [`${arg.name}: ${literalOf(value)}`]
    variables.push([arg.name, value])
    declared.push(`$${arg.name}: ${draw.chance(0.95) ? arg.type : 'String'}`)
    return [`${arg.name}: $${arg.name}`]
  })
  const selection = selectionOf(draw, field.type, 3)
  const head = declared.length > 0 ? `${kind} (${declared.join(', ')})` : kind
  const query = `${head} { ${field.name}${given.length > 0 ? `(${given.join(', ')})` : ''} ${selection} }`
  return { query, variables: jsonOf(new Fields(variables)) }
}

function selectionOf(draw: Draw, output: GraphQLOutputType, depth: number): string {
  const type = getNamedType(output)
  if (isUnionType(type)) {
    const members = type
      .getTypes()
      .map((member) => `... on ${member.name} ${selectionOf(draw, member, depth)}`)
    return `{ __typename ${members.join(' ')} }`
  }
  if (!isObjectType(type) && !isInterfaceType(type)) return ''
  if (depth === 0) return '{ __typename }'
  const all = Object.values(type.getFields())
  const some = Array.from({ length: 1 + draw.below(4) }, () => draw.oneOf(all))
  const selected = some.map((field, i) => `a${i}: ${fieldOf(draw, field, depth)}`)
  return `{ __typename ${selected.join(' ')} }`
}

function fieldOf(draw: Draw, field: GraphQLField<unknown, unknown>, depth: number): string {
  const given = field.args
    .filter((arg) => isNonNullType(arg.type) || draw.chance(0.3))
    .map((arg) => `${arg.name}: ${literalOf(valueOfType(draw, arg.type, 3))}`)
  return `${field.name}${given.length > 0 ? `(${given.join(', ')})` : ''} ${selectionOf(draw, field.type, depth - 1)}`
}

const TOKEN = /[A-Za-z_]\w*|"(?:[^"\\]|\\.)*"|-?\d[\d.e]*|\.\.\.|\S/g
const TOKENS = [
  '{',
  '}',
  '(',
  ')',
  '[',
  ']',
  '$',
  '$x',
  '@',
  '@include(if: $x)',
  '@skip(if: true)',
  '@skip(if: "x")',
  '@defer',
  '@stream(initialCount: -1)',
  '@oneOf',
  '...',
  '... on Query',
  '...F',
  'fragment F on Query { ...F }',
  'fragment G on Mutation { __typename }',
  '"""',
  '"',
  '"\\u{110000}"',
  '"\\ud800"',
  '&',
  '|',
  '!',
  ':',
  '=',
  '0x1',
  '1.',
  '00',
  '-',
  '\0',
  '#',
  '# x\n',
  'query',
  'subscription',
  'mutation',
  'on',
  'null',
  'true',
  '__schema { types { name } }',
  '__type(name: "Query") { fields { name } }',
  '__typename',
  '🐈',
  'schema { query: Query }',
  'type X { a: Int }',
  'extend type Query { a: Int }',
]

/** Tokens left out, doubled, exchanged and put in. */
function shuffled(draw: Draw, query: string): string {
  const tokens = query.match(TOKEN) ?? []
  for (let i = 1 + draw.below(4); i > 0; i--) {
    const at = draw.below(tokens.length)
    const other = draw.below(tokens.length)
    draw.oneOf([
      () => tokens.splice(at, 1),
      () => tokens.splice(at, 0, tokens[other] ?? '{'),
      () => tokens.splice(at, 1, tokens[other] ?? '}'),
      () => tokens.splice(at, 0, draw.oneOf(TOKENS)),
      () => tokens.splice(at, 1, draw.oneOf(TOKENS)),
      () => tokens.splice(at, tokens.length - at),
    ])()
  }
  return tokens.join(' ')
}

/** Small to send, large to work on. */
function bomb(draw: Draw): string {
  const many = draw.oneOf([10, 100, 2000, 50_000])
  return draw.oneOf([
    () => '{'.repeat(many),
    () => '{ a '.repeat(many) + '}'.repeat(many),
    () => `{ dataset(name: ${'['.repeat(many)}) { name } }`,
    () => `query (${Array.from({ length: many }, (_, i) => `$v${i}: Int`).join(' ')}) { __typename }`,
    () => `query ($v: ${'['.repeat(many)}Int${']'.repeat(many)}) { __typename }`,
    () => `{ ${Array.from({ length: many }, (_, i) => `a${i}: __typename`).join(' ')} }`,
    () => `{ ${'__typename '.repeat(many)} }`,
    () =>
      `{ ...F0 } ${Array.from({ length: many }, (_, i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`).join(' ')}`,
    () => '{ ...F } fragment F on Query { ...G } fragment G on Query { ...F }',
    () => `{ __typename ${'@include(if: true) '.repeat(many)} }`,
    () => `{ dataset(name: "${'x'.repeat(many)}") { name } }`,
    () =>
      `{ __schema { types { fields { type { ${'ofType { '.repeat(many)} name ${'} '.repeat(many)} } } } } }`,
    () => Array.from({ length: many }, (_, i) => `query Q${i} { __typename }`).join(' '),
    () => `# ${'x'.repeat(many)}`,
    () =>
      `{ trainingRuns(first: 100) { edges { node { ${'architecture { runs(first: 100) { edges { node { '.repeat(Math.min(many, 100))} id ${'} } } } '.repeat(Math.min(many, 100))} } } } }`,
  ])()
}

export function asked(draw: Draw, kinds: readonly Kind[]): Asked {
  const kind = draw.oneOf(kinds)
  const base = draw.chance(0.7)
    ? wellFormed(draw, kind)
    : { query: draw.oneOf(OPERATIONS.filter((it) => it.kind === kind)).document, variables: '{}' }
  const how = draw.below(10)
  if (how < 5) return base
  if (how < 8) return { ...base, query: shuffled(draw, base.query) }
  if (how < 9) return { ...base, query: bomb(draw) }
  return { ...base, variables: jsonOf(anything(draw)) }
}

/** `{"query": ..., "variables": ...}`, its fields themselves at times of other types. */
export function paramsOf(draw: Draw, { query, variables }: Asked): string {
  if (draw.chance(0.03)) return jsonOf(anything(draw))
  const entries: (readonly [string, Value])[] = [
    ['query', draw.chance(0.97) ? query : anything(draw)],
    ['variables', new Written(variables)],
  ]
  if (draw.chance(0.1)) entries.push(['operationName', anything(draw)])
  if (draw.chance(0.1)) entries.push(['extensions', anything(draw)])
  if (draw.chance(0.03)) entries.push([draw.oneOf(['__proto__', 'query', 'id', 'doc']), anything(draw)])
  const params = jsonOf(new Fields(entries))
  return draw.chance(0.03) ? `[${params},${params}]` : params
}
