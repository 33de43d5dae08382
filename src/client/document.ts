/**
 * An operation with the types of its result and variables. What `graphql` makes is one, and so is a document of
 * graphql-js, gql.tada or any library of typed documents.
 */
export interface Document<Result = unknown, Variables = never> {
  readonly loc?: { readonly source: { readonly body: string } }
  /** For the type checker alone: nothing is there. */
  readonly __apiType?: (variables: Variables) => Result
}

export type ResultOf<Typed> = Typed extends Document<infer Result, infer _> ? Result : never
export type VariablesOf<Typed> = Typed extends Document<infer _, infer Variables> ? Variables : never

/** The document with its types written out: what the package declares needs no library then. */
export function typed<Result, Variables>(document: Document<Result, Variables>): Document<Result, Variables> {
  return document
}

/** @throws TypeError for what was made without its text */
export function textOf(document: Document | string): string {
  const text = typeof document === 'string' ? document : document.loc?.source.body
  if (text === undefined) throw new TypeError('The document has no text: parse it with its location.')
  return text
}
