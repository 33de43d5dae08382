import type { DatasetFacts } from '../../data/dataset-facts.ts'
import type { TrainingRun } from '../../db/generated/client.ts'
import { columnOf } from '../model/run.ts'
import { MAX_LOSSES, MIN_POINTS, type RunHistory } from './history.ts'

/** What loss curves are laid side by side by: epochs trained, or training images seen. */
export const CURVE_AXES = ['EPOCHS', 'IMAGES'] as const
export type CurveAxis = (typeof CURVE_AXES)[number]

export interface CurvePoint {
  /** Place on the axis. */
  x: number
  loss: number | null
}

/** One place on the axis, and the loss of each curve there. */
export interface CurveRow {
  x: number
  losses: (number | null)[]
}

/** Points of a curve for each row that it is laid into: enough for the last one before a row to be near it. */
const POINTS_PER_ROW = 5

/**
 * The loss curve of a run, by place; a step that was trained again is there as it was the last time.
 * @param rows  that it is going to be laid into; a long curve is thinned
 */
export async function loadCurve(
  history: Pick<RunHistory, 'losses'>,
  run: Pick<TrainingRun, 'id' | 'hyperparameters'>,
  axis: CurveAxis,
  facts: DatasetFacts,
  rows: number,
): Promise<CurvePoint[]> {
  const { trainLimit } = columnOf(run, 'hyperparameters')
  const scale = axis === 'EPOCHS' ? 1 : Math.min(trainLimit ?? facts.count.train, facts.count.train)
  const maxPoints = Math.min(MAX_LOSSES, Math.max(MIN_POINTS, rows * POINTS_PER_ROW))
  const points = await history.losses(run.id, { afterStep: 0, maxPoints, view: 'EFFECTIVE' })
  return points.map(({ epoch, loss }) => ({ x: epoch * scale, loss }))
}

/**
 * Lays curves side by side: where they have few enough points between them, a row for each place where any has one;
 * else `maxPoints` rows at equal distances. A curve's loss in a row is that of its last point up to there. It is null
 * before the first point and behind the last, so that a curve ends where its run does.
 *
 * @param curves     by place
 * @param maxPoints  rows at most, from 1
 */
export function alignCurves(curves: readonly (readonly CurvePoint[])[], maxPoints: number): CurveRow[] {
  const rows = placesOf(curves, maxPoints).map((x): CurveRow => ({ x, losses: [] }))
  for (const points of curves) {
    let next = 0
    for (const { x, losses } of rows) {
      // Without points left to come, the curve had ended before this row unless one of them is new in it.
      const ended = next === points.length
      while (next < points.length && points[next]!.x <= x) next += 1
      losses.push(ended || next === 0 ? null : points[next - 1]!.loss)
    }
  }
  return rows
}

function placesOf(curves: readonly (readonly CurvePoint[])[], maxPoints: number): number[] {
  const all = new Set(curves.flatMap((points) => points.map(({ x }) => x)))
  const places = [...all].sort((a, b) => a - b)
  if (places.length <= maxPoints) return places
  const end = places[places.length - 1]!
  return Array.from({ length: maxPoints }, (_, i) =>
    i + 1 === maxPoints ? end : (end * (i + 1)) / maxPoints,
  )
}
