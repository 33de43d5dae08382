import { useEffect } from 'preact/hooks'
import type { View } from '../chart/view.ts'
import { DRAW_MS, useBuckets } from '../live/buckets.ts'
import { useLaid } from '../run/laid.ts'
import type { ComparedRun } from './comparison.ts'
import type { Laid } from './curves.ts'

/** Ten runs of as many are what one alone has, ten times. */
const MAX_POINTS = 400

interface Props {
  run: ComparedRun
  view: Pick<View, 'axis' | 'range'>
  /** Takes a run as it lies over the axis, again and again as it grows. */
  onLaid: (laid: Laid) => void
}

/** Follows the loss of one of the runs; it shows nothing by itself. */
export function RunLosses({ run, view, onLaid }: Props) {
  const all = useBuckets(run.id, { maxPoints: MAX_POINTS, drawMs: DRAW_MS.card }).value
  const { places, buckets } = useLaid(run, view, all)
  useEffect(() => {
    if (buckets !== null) onLaid({ run, places, buckets })
  }, [run, places, buckets])
  return null
}
