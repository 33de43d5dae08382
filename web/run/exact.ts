import { useEffect, useMemo } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import type { Bucket } from '../live/buckets.ts'
import { useQuery } from '../live/query.ts'

const LOSSES = graphql(`
  query LossesOfRange($id: ID!, $afterStep: Int!, $toStep: Int!) {
    trainingRun(id: $id) {
      losses(afterStep: $afterStep, toStep: $toStep, maxPoints: 4000) {
        step
        epoch
        loss
        learningRate
        imagesPerSecond
        attempt
        at
        nonFinite
        layer
      }
    }
  }
`)

/** Steps afterStep + 1 .. toStep. */
export interface Steps {
  afterStep: number
  toStep: number
}

/** The points of a range of steps, each as a bucket of its own; null while none is looked at, and before the answer. */
export function useExact(
  id: string,
  steps: Steps | null,
  known: readonly Bucket[] | null,
): readonly Bucket[] | null {
  const { data, refresh } = useQuery(LOSSES, steps === null ? null : { id, ...steps })
  // Where the range ends behind the newest step, there will be more.
  const newest = known?.at(-1)?.last.step ?? 0
  const growsTo = steps !== null && newest <= steps.toStep ? newest : null
  useEffect(() => {
    if (growsTo !== null) refresh()
  }, [growsTo])
  return useMemo(() => {
    const points = steps === null ? undefined : data?.trainingRun?.losses
    return (
      points?.map((point) => ({
        firstStep: point.step,
        lastStep: point.step,
        count: 1,
        mean: point.loss,
        min: { loss: point.loss },
        max: { loss: point.loss },
        last: point,
        nonFinite: point.nonFinite === null ? null : point,
      })) ?? null
    )
  }, [data, steps === null])
}
