import type { ExecutionResult } from 'graphql'

/**
 * An answer as a stream of one: only streams does graphql-ws end when their client leaves, or its connection is gone.
 * @param execute  gets a signal that is aborted then
 */
export function untilLeft(
  execute: (signal: AbortSignal) => ExecutionResult | Promise<ExecutionResult>,
): AsyncIterableIterator<ExecutionResult> {
  const leaving = new AbortController()
  const over = { done: true, value: undefined } as const
  let isAsked = false
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      if (isAsked) return over
      isAsked = true
      const left = new Promise<typeof over>((resolve) => {
        leaving.signal.addEventListener('abort', () => resolve(over), { once: true })
      })
      const answered = Promise.resolve(execute(leaving.signal)).then(
        (value) => ({ done: false, value }) as const,
      )
      return Promise.race([answered, left])
    },
    async return() {
      leaving.abort()
      return over
    },
  }
}
