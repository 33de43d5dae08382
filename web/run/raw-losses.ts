import { useEffect, useMemo, useRef } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import type { Track } from '../chart/axis.ts'
import { useQuery } from '../live/query.ts'
import { type Ghost, ghostsOf } from './ghosts.ts'

const RAW_LOSSES = graphql(`
  query RawLosses($id: ID!, $afterStep: Int, $toStep: Int) {
    trainingRun(id: $id) {
      losses(afterStep: $afterStep, toStep: $toStep, maxPoints: 2000, view: RAW) { step epoch attempt at loss }
    }
  }
`)

/** The steps of a run that count no more, by attempt; none before the answer. */
export function useGhosts(
  id: string,
  attempts: Track['attempts'],
  steps: { afterStep: number; toStep: number } | null,
): readonly Ghost[] {
  const isAsked = attempts.length > 1
  const { data, refresh } = useQuery(RAW_LOSSES, isAsked ? { id, ...steps } : null)
  // An attempt that was killed has trained further than was known when its successor began.
  const asked = useRef(0)
  useEffect(() => {
    if (asked.current > 1 && asked.current !== attempts.length) refresh()
    asked.current = attempts.length
  }, [attempts.length])
  const points = isAsked ? data?.trainingRun?.losses : undefined
  return useMemo(() => ghostsOf(points ?? [], attempts), [points, attempts])
}
