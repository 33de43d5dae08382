import { useEffect, useMemo } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import type { Range } from '../chart/model.ts'
import type { Bucket } from '../live/buckets.ts'
import { useQuery } from '../live/query.ts'

const LOSSES = graphql(`
  query LossesOfRange($id: ID!, $afterStep: Int!, $toStep: Int!, $maxPoints: Int!) {
    trainingRun(id: $id) {
      losses(afterStep: $afterStep, toStep: $toStep, maxPoints: $maxPoints) {
        step
        epoch
        loss
        learningRate
        imagesPerSecond
        attempt
        at
        nonFinite
      }
    }
  }
`)

const MAX_POINTS = 4000
/** The greatest Int of GraphQL. */
const MAX_STEP = 2 ** 31 - 1

/** The points of a range of steps, each as a bucket of its own; null while none is looked at, and before the answer. */
export function useExact(
  id: string,
  range: Range | null,
  known: readonly Bucket[] | null,
): readonly Bucket[] | null {
  const variables =
    range === null
      ? null
      : {
          id,
          afterStep: Math.max(0, Math.floor(range.from) - 1),
          toStep: Math.min(MAX_STEP, Math.max(1, Math.ceil(range.to))),
          maxPoints: MAX_POINTS,
        }
  const { data, refresh } = useQuery(LOSSES, variables)
  // Where the range ends behind the newest step, there will be more.
  const newest = known?.at(-1)?.last.step ?? 0
  const growsTo = range !== null && newest <= range.to ? newest : null
  useEffect(() => {
    if (growsTo !== null) refresh()
  }, [growsTo])
  return useMemo(() => {
    const points = range === null ? undefined : data?.trainingRun?.losses
    return (
      points?.map(({ nonFinite, ...point }) => ({
        firstStep: point.step,
        lastStep: point.step,
        count: 1,
        mean: point.loss,
        min: { loss: point.loss },
        max: { loss: point.loss },
        last: point,
        nonFinite: nonFinite === null ? null : { step: point.step, nonFinite },
      })) ?? null
    )
  }, [data, range === null])
}
