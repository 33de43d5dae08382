import { useSignalEffect } from '@preact/signals'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
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
  useEffect(() => {
    if (variables === null) return
    let current: AbortController | null = null
    ask.current = () => {
      current?.abort()
      const mine = new AbortController()
      current = mine
      client.query(document, variables, { signal: mine.signal }).then(
        (data) => {
          if (!mine.signal.aborted) setState({ data, error: null })
        },
        (error: Error) => {
          if (!mine.signal.aborted) setState(({ data }) => ({ data, error }))
        },
      )
    }
    ask.current()
    return () => {
      ask.current = () => {}
      current?.abort()
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
