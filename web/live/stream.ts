import { useEffect } from 'preact/hooks'
import type { SubscribeOptions } from '../../src/client/client.ts'
import type { Document } from '../../src/client/graphql.ts'
import { client } from './api.ts'

/**
 * Hears a subscription for as long as the page shows what it is for, whatever happens to the connection. null hears nothing.
 * @param onItem takes each item; it is asked for anew when `key` changes
 */
export function useStream<Result, Variables extends object>(
  document: Document<Result, Variables>,
  variables: Variables | null,
  onItem: (item: Result) => void,
): void {
  const key = JSON.stringify(variables)
  useEffect(() => {
    if (variables === null) return
    return listen(document, variables, onItem)
  }, [document, key])
}

/** Answers what ends it. */
export function listen<Result, Variables extends object>(
  document: Document<Result, Variables>,
  variables: Variables,
  onItem: (item: Result) => void,
  { onEnd = () => {}, ...options }: SubscribeOptions<Result> & { onEnd?: () => void } = {},
): () => void {
  const items = client.subscribe(document, variables, options)
  let left = false
  const read = async () => {
    try {
      for await (const item of items) {
        if (left) return
        onItem(item)
      }
    } catch {
      // Refused for good, as for a run that was deleted: what the page asks beside it says why.
    }
    if (!left) onEnd()
  }
  void read()
  return () => {
    left = true
    void items.return?.(undefined)
  }
}
