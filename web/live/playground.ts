import { type Document, textOf } from '../../src/client/document.ts'

/** Where the playground opens with a document filled in. */
export function playground(document: Document | string, variables: object = {}): string {
  const query = new URLSearchParams({ query: tidy(textOf(document)) })
  if (Object.keys(variables).length > 0) query.set('variables', JSON.stringify(variables, null, 2))
  return `/graphql?${query}`
}

/** Without the indentation of the code that it stands in. */
function tidy(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  const indent = Math.min(...lines.map((line) => line.length - line.trimStart().length))
  return lines.map((line) => line.slice(indent)).join('\n')
}
