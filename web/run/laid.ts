import { useMemo } from 'preact/hooks'
import type { ResultOf } from '../../src/client/graphql.ts'
import { type Places, placesOf, type Track } from '../chart/axis.ts'
import type { View } from '../chart/view.ts'
import type { Bucket } from '../live/buckets.ts'
import { type Steps, useExact } from './exact.ts'
import { type RUN_TRACK, trackOf } from './track.ts'

/** A run as it lies over the axis of a view. */
interface Laid {
  track: Track
  places: Places
  /** Those that the view's range shows; null for all. */
  steps: Steps | null
  /** Of these steps: each point where a range is looked at, else as they are known; null before the first answer. */
  buckets: readonly Bucket[] | null
}

/** @param all  what is known of the run's losses, thinned; null before the first answer */
export function useLaid(
  run: ResultOf<typeof RUN_TRACK> & { id: string },
  { axis, range }: Pick<View, 'axis' | 'range'>,
  all: readonly Bucket[] | null,
): Laid {
  const track = useMemo(() => trackOf(run), [run])
  const places = useMemo(() => {
    const known = (all ?? []).map(({ last }) => last)
    return placesOf(axis, track, known)
  }, [axis, track, all])
  const steps = range === null ? null : places.stepsIn(range)
  const buckets = useExact(run.id, steps, all) ?? all
  return { track, places, steps, buckets }
}
