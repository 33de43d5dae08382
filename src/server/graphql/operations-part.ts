import { type DocumentNode, parse } from 'graphql'
import { MAX_TOKENS } from './limits.ts'

/**
 * The document that a request with files asks for, when its files are not here yet.
 * @param operations  the part of this name
 * @returns null where it has none, or none that would be executed: that is told when its files are here
 */
export function documentIn(operations: object): DocumentNode | null {
  const { query } = operations as { query?: unknown }
  if (typeof query !== 'string') return null
  try {
    return parse(query, { noLocation: true, maxTokens: MAX_TOKENS })
  } catch {
    return null
  }
}
