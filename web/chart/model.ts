import type uPlot from 'uplot'
import type { Axis } from './axis.ts'
import type { Mark } from './marks.ts'

/** null is a gap in a curve; undefined is where it has no point and goes on to its next. */
export type Values = readonly (number | null | undefined)[]

/** One curve over the axis that all of a chart share. */
export interface Curve {
  label: string
  /** A colour of tokens.css. */
  token: string
  values: Values
  dash?: number[]
  /** Stays in the back: what another curve was made of. */
  faint?: boolean
  /** What counts no more: a shadow, to be seen also where it is the same as what counts. */
  ghost?: boolean
  /** Single values, as of epochs: drawn as dots, and joined. */
  dots?: boolean
  /** From the least to the greatest around each value: no peak disappears. */
  band?: { least: Values; greatest: Values }
}

export interface Range {
  from: number
  to: number
}

export interface ChartProps {
  /** What it shows, for whoever does not see it, and over its picture. */
  label: string
  /** What its values are, with their unit. */
  yLabel: string
  axis: Axis
  xs: readonly number[]
  curves: readonly Curve[]
  marks?: readonly Mark[]
  /** Whether the marks can be pointed at; else they are lines alone. */
  markButtons?: boolean
  /** Curves that have their points at different places: between them each has its last value. */
  aligned?: boolean
  /** Values from 0 to 1 that are read as per cent. */
  isShare?: boolean
  logarithmic?: boolean
  /** Whether the axis of the values leaves out their peaks (peaks.ts). */
  isCut?: boolean
  height?: number
  /** Charts of the same name share their cursor. */
  cursor?: string
  /** All that the charts that share this one's axis have; its own when left out. */
  extent?: Range | null
  /** What part of the axis is looked at; null follows all there is. */
  range?: Range | null
  onRange?: (range: Range | null) => void
  format: (value: number | null) => string
  /** All that it was drawn from, not only what is seen. */
  csv: () => Promise<string>
}

/** xs, then the curves, then their bands' ends, as options.ts lists the series. */
export function dataOf({ xs, curves, logarithmic }: ChartProps): uPlot.AlignedData {
  const bands = curves.flatMap(({ band }) => (band === undefined ? [] : [band.greatest, band.least]))
  const all = [...curves.map((curve) => curve.values), ...bands]
  // A logarithm has no place for 0.
  const drawn = logarithmic
    ? all.map((values) => values.map((it) => (it != null && it <= 0 ? null : it)))
    : all
  return [xs, ...drawn] as unknown as uPlot.AlignedData
}
