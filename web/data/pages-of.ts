import { useState } from 'preact/hooks'

/** Which page of a list is shown. */
export interface Pages {
  /** Behind which it begins; null for the first. */
  after: string | null
  /** From 1. */
  number: number
  next(cursor: string): void
  previous(): void
}

/** Pages of a list that is gone through one by one; another `key` begins with the first again. */
export function usePages(key: string): Pages {
  const [at, setAt] = useState<{ key: string; cursors: readonly string[] }>({ key, cursors: [] })
  const cursors = at.key === key ? at.cursors : []
  return {
    after: cursors.at(-1) ?? null,
    number: cursors.length + 1,
    next: (cursor) => setAt({ key, cursors: [...cursors, cursor] }),
    previous: () => setAt({ key, cursors: cursors.slice(0, -1) }),
  }
}
