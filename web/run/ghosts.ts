import type { Point, Track } from '../chart/axis.ts'
import { endsOf } from './track.ts'

interface RawPoint extends Point {
  loss: number | null
}

/** Steps that an attempt trained and a later one trained again: they count no more. */
export interface Ghost {
  attempt: number
  points: readonly RawPoint[]
}

/** @param points  of all attempts, by step */
export function ghostsOf(points: readonly RawPoint[], attempts: Track['attempts']): Ghost[] {
  const ends = endsOf(attempts)
  return attempts
    .map(({ attempt }) => ({
      attempt,
      points: points.filter((point) => point.attempt === attempt && point.step > ends.get(attempt)!),
    }))
    .filter((ghost) => ghost.points.length > 0)
}
