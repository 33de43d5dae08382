import { type Signal, signal } from '@preact/signals'
import { useLayoutEffect, useMemo } from 'preact/hooks'
import { graphql, type ResultOf } from '../../src/client/graphql.ts'
import { listen } from './stream.ts'
import { throttle } from './throttle.ts'

export const LOSS_BUCKETS = graphql(`
  subscription LossBuckets($id: ID!, $maxPoints: Int!) {
    trainingLossBuckets(id: $id, maxPoints: $maxPoints) {
      reset
      buckets {
        firstStep
        lastStep
        count
        mean
        min { loss }
        max { loss }
        last { step epoch loss learningRate imagesPerSecond attempt at }
        nonFinite { step epoch attempt at nonFinite layer }
      }
    }
  }
`)

export type Bucket = ResultOf<typeof LOSS_BUCKETS>['trainingLossBuckets']['buckets'][number]

/** How often a curve is drawn at most: the one that a page is about, and each of several. */
export const DRAW_MS = { main: 100, card: 500 } as const
/** No chart is wider, and each point is a pixel. */
const MAX_POINTS = 1000

/** The loss of a run, thinned, as it grows; null before the first answer. */
export function useBuckets(
  runId: string | null,
  { maxPoints = MAX_POINTS, drawMs = DRAW_MS.main }: { maxPoints?: number; drawMs?: number } = {},
): Signal<readonly Bucket[] | null> {
  const shown = useMemo(() => signal<readonly Bucket[] | null>(null), [])
  // Asked before the frame is painted, not behind it: the answer is what the page waits for.
  useLayoutEffect(() => {
    if (runId === null) return
    const known = new Map<number, Bucket>()
    const draw = throttle(drawMs, () => {
      // A hidden page draws nothing; it is drawn when it is seen.
      if (document.visibilityState === 'hidden') return
      shown.value = [...known.values()].sort((one, other) => one.firstStep - other.firstStep)
    })
    const take = ({ trainingLossBuckets: change }: ResultOf<typeof LOSS_BUCKETS>) => {
      if (change.reset) known.clear()
      for (const bucket of change.buckets) known.set(bucket.firstStep, bucket)
      draw()
    }
    const leave = listen(LOSS_BUCKETS, { id: runId, maxPoints }, take, { run: runId })
    document.addEventListener('visibilitychange', draw)
    return () => {
      leave()
      draw.cancel()
      document.removeEventListener('visibilitychange', draw)
    }
  }, [runId, maxPoints, drawMs])
  return shown
}
