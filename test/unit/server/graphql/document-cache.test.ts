import { GraphQLError, parse, visit } from 'graphql'
import { expect, test } from 'vitest'
import { createDocumentCache } from '../../../../src/server/graphql/document-cache.ts'

const DOCUMENT = parse('{ __typename }')
const ofLength = (length: number, name: number) => `{ a${name} }`.padEnd(length)

test('documents are kept by their text, the one that was not asked for the longest goes first', () => {
  const cache = createDocumentCache()
  const texts = Array.from({ length: 256 }, (_, i) => ofLength(1024, i))
  for (const text of texts) cache.set(text, DOCUMENT)
  expect(texts.every((text) => cache.get(text) === DOCUMENT)).toBe(true)
  cache.get(texts[0]!)
  cache.set(ofLength(1024, 1000), DOCUMENT)
  expect(cache.get(texts[0]!)).toBe(DOCUMENT)
  expect(cache.get(texts[1]!)).toBeUndefined()
  expect(texts.filter((text) => cache.get(text) === undefined)).toHaveLength(1)
})

test('a document set again counts once', () => {
  const cache = createDocumentCache()
  const [one, other] = [ofLength(1024, 1), ofLength(1024, 2)]
  cache.set(other, DOCUMENT)
  for (let i = 0; i < 1000; i++) cache.set(one, DOCUMENT)
  expect(cache.get(other)).toBe(DOCUMENT)
})

test('a long document is not kept, and takes no place of others', () => {
  const cache = createDocumentCache()
  cache.set(ofLength(100, 1), DOCUMENT)
  cache.set(ofLength(20_000, 2), DOCUMENT)
  expect(cache.get(ofLength(20_000, 2))).toBeUndefined()
  expect(cache.get(ofLength(100, 1))).toBe(DOCUMENT)
})

test('a document that is forgotten makes room', () => {
  const cache = createDocumentCache()
  const texts = Array.from({ length: 256 }, (_, i) => ofLength(1024, i))
  for (const text of texts) cache.set(text, DOCUMENT)
  cache.forget(texts[5]!)
  expect(cache.get(texts[5]!)).toBeUndefined()
  cache.set(ofLength(1024, 1000), DOCUMENT)
  expect(cache.get(texts[0]!)).toBe(DOCUMENT)
})

test('a document that is kept has no tokens any more, and errors of it tell their places', () => {
  const text =
    'query ($id: ID!) {\n  run(id: $id) { ... on Run { name } ...more }\n}\nfragment more on Run { at }'
  const document = parse(text)
  createDocumentCache().set(text, document)
  let fragment: object | undefined
  visit(document, {
    enter(node) {
      expect(node.loc).toMatchObject({ startToken: undefined, endToken: undefined })
      if (node.kind === 'FragmentDefinition') fragment = node
    },
  })
  const error = new GraphQLError('It is not used.', { nodes: [fragment as never] })
  expect(error.locations).toEqual([{ line: 4, column: 1 }])
  expect(String(error)).toMatch(/4 \| fragment more on Run/)
})
