import { signOf } from '../chart/colours.ts'
import type { Curve } from '../chart/model.ts'
import type { Comparison } from './comparison.ts'

export function labelOf({ number, name }: { number: number; name: string }): string {
  return `#${number} ${name}`
}

/** The losses of all runs, a curve each. */
export function lossCurves({ runs, losses }: Comparison): { xs: number[]; curves: Curve[] } {
  return {
    xs: losses.map(({ x }) => x),
    curves: runs.map((run, i) => ({
      label: labelOf(run),
      ...signOf(i),
      values: losses.map((row) => row.losses[i] ?? null),
    })),
  }
}

/** A figure of each epoch, a curve a run. */
export function epochCurves(
  { runs, epochs }: Comparison,
  figure: 'testAccuracy' | 'testLoss',
): { xs: number[]; curves: Curve[] } {
  return {
    xs: epochs.map(({ epoch }) => epoch),
    curves: runs.map((run, i) => ({
      label: labelOf(run),
      ...signOf(i),
      dots: true,
      values: epochs.map(({ summaries }) => summaries[i]?.[figure] ?? null),
    })),
  }
}
