import { useSignalEffect } from '@preact/signals'
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Document } from '../../src/client/graphql.ts'
import { client, reconnections } from './api.ts'
import { throttle } from './throttle.ts'

export interface Asked<Result> {
  /** The newest answer; null before the first. The one before stays while the next is on its way. */
  readonly data: Result | null
  readonly error: Error | null
  /** Asks once more, at most every half second. */
  refresh(): void
}

const REFRESH_MS = 500

/** Asks when the page is drawn, when the variables change, when the connection is back, and when told to. null asks nothing. */
export function useQuery<Result, Variables extends object>(
  document: Document<Result, Variables>,
  variables: Variables | null,
): Asked<Result> {
  const [state, setState] = useState<{ data: Result | null; error: Error | null }>({
    data: null,
    error: null,
  })
  const key = JSON.stringify(variables)
  const ask = useRef<() => void>(() => {})
  const refresh = useMemo(() => throttle(REFRESH_MS, () => ask.current()), [])
  // Asked before the frame is painted, not behind it: the answer is what the page waits for.
  useLayoutEffect(() => {
    if (variables === null) return
    const leaving = new AbortController()
    const { signal } = leaving
    let isAsking = false
    let again = false
    const read = async () => {
      isAsking = true
      while (again && !signal.aborted) {
        again = false
        try {
          const data = await client.query(document, variables, { signal })
          if (!signal.aborted) setState({ data, error: null })
        } catch (error) {
          if (!signal.aborted) setState(({ data }) => ({ data, error: error as Error }))
        }
      }
      isAsking = false
    }
    ask.current = () => {
      again = true
      // The answer under way is awaited, or one that is slower than the page refreshes would never come.
      if (!isAsking) void read()
    }
    ask.current()
    return () => {
      ask.current = () => {}
      leaving.abort()
    }
  }, [document, key])
  const seen = useRef(reconnections.peek())
  useSignalEffect(() => {
    if (reconnections.value === seen.current) return
    seen.current = reconnections.value
    ask.current()
  })
  useEffect(() => refresh.cancel, [])
  return { ...state, refresh }
}
