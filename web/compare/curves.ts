import { align, lay, type Placed } from '../chart/align.ts'
import type { Places } from '../chart/axis.ts'
import { signOf } from '../chart/colours.ts'
import type { Mark } from '../chart/marks.ts'
import type { Curve } from '../chart/model.ts'
import { smooth } from '../chart/smoothing.ts'
import type { Bucket } from '../live/buckets.ts'
import { gapsOf, momentsOf, placed } from '../run/moments.ts'
import { trackOf } from '../run/track.ts'
import type { ComparedRun, Comparison } from './comparison.ts'

/** A run of a comparison, as it lies over the axis. */
export interface Laid {
  run: ComparedRun
  places: Places
  buckets: readonly Bucket[]
}

export function labelOf({ number, name }: { number: number; name: string }): string {
  return `#${number} ${name}`
}

/** A figure of all runs, a curve each; a run that is not laid yet has none. */
export function curvesOf(
  laid: readonly (Laid | undefined)[],
  figureOf: (bucket: Bucket) => number | null,
  halfLife = 0,
): { xs: number[]; curves: Curve[] } {
  return drawn(laid, ({ places, buckets }) => {
    const values = buckets.map(figureOf)
    const steps = buckets.map(({ last }) => last.step)
    const shown = halfLife > 0 ? smooth(steps, values, halfLife) : values
    return lay(
      buckets,
      places,
      ({ last }) => last,
      (_bucket, i) => shown[i] ?? null,
    )
  })
}

/** A figure of each epoch, a curve a run. */
export function epochCurves(
  laid: readonly (Laid | undefined)[],
  epochs: Comparison['epochs'],
  figure: 'testAccuracy' | 'testLoss',
): { xs: number[]; curves: Curve[] } {
  const { xs, curves } = drawn(laid, ({ run, places }, i) => {
    const { stepsPerEpoch } = trackOf(run)
    return epochs.flatMap(({ epoch, summaries }): Placed[] => {
      const summary = summaries[i]
      const x = places.ofStep(epoch * stepsPerEpoch)
      return summary == null || x === null ? [] : [[x, summary[figure]]]
    })
  })
  return { xs, curves: curves.map((curve) => ({ ...curve, dots: true })) }
}

function drawn(
  laid: readonly (Laid | undefined)[],
  pointsOf: (laid: Laid, index: number) => readonly Placed[],
): { xs: number[]; curves: Curve[] } {
  const { xs, values } = align(laid.map((it, i) => (it === undefined ? [] : pointsOf(it, i))))
  const curves = laid.flatMap((it, i) =>
    it === undefined ? [] : [{ label: labelOf(it.run), ...signOf(i), values: values[i]! }],
  )
  return { xs, curves }
}

/** What happened to the runs on their ways, and where a loss was not finite; each says whose. */
export function marksOf(laid: readonly (Laid | undefined)[]): Mark[] {
  return laid.flatMap((it) => {
    if (it === undefined) return []
    const { run, places, buckets } = it
    const points = buckets.flatMap(({ nonFinite }) => nonFinite ?? [])
    return [
      ...placed(momentsOf({ ...run, checkpoints: [], forks: [] }), places),
      ...gapsOf(points, run.statusChanges, places),
    ].map((mark) => ({ ...mark, label: `#${run.number}: ${mark.label}` }))
  })
}
