import type { initGraphQLTada } from 'gql.tada'
import type { Document } from './document.ts'
import type { introspection } from './generated/schema.d.ts'

export type { Document, ResultOf, VariablesOf } from './document.ts'

type Graphql = initGraphQLTada<{
  introspection: introspection
  disableMasking: true
  scalars: { Cursor: string; DataUrl: string; DateTime: string; File: Blob; LogCursor: string }
}>

interface Composed extends Document {
  readonly definitions: readonly string[]
}

/**
 * A document whose result and variables are typed by schema.graphql: `graphql(text, [fragments])`. Nothing is parsed when
 * it runs; `npm run check` has compared the text with the schema.
 */
export const graphql = ((text: string, fragments: readonly Composed[] = []): Composed => {
  // A fragment that several others use is sent once.
  const definitions = [...new Set([text, ...fragments.flatMap((fragment) => fragment.definitions)])]
  return { definitions, loc: { source: { body: definitions.join('\n') } } }
}) as unknown as Graphql
