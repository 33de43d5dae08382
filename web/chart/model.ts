import type uPlot from 'uplot'

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
  /** Single values, as of epochs: drawn as dots, and joined. */
  dots?: boolean
  /** From the least to the greatest around each value: no peak disappears. */
  band?: { least: Values; greatest: Values }
}

/** A moment worth a line: a restart, a change, a checkpoint. */
export interface Mark {
  x: number
  label: string
  token: string
}

/** Where a value was not finite. */
export interface Gap {
  x: number
  label: string
}

export interface Range {
  from: number
  to: number
}

export interface ChartProps {
  /** What it shows, for whoever does not see it. */
  label: string
  xLabel: string
  xs: readonly number[]
  curves: readonly Curve[]
  marks?: readonly Mark[]
  gaps?: readonly Gap[]
  logarithmic?: boolean
  height?: number
  /** Charts of the same name share their cursor. */
  cursor?: string
  /** What part of the axis is looked at; null follows all there is. */
  range?: Range | null
  onRange?: (range: Range | null) => void
  format: (value: number | null) => string
  formatX?: (value: number) => string
}

/** xs, then the curves, then their bands' ends, as options.ts lists the series. */
export function dataOf({ xs, curves }: Pick<ChartProps, 'xs' | 'curves'>): uPlot.AlignedData {
  const bands = curves.flatMap(({ band }) => (band === undefined ? [] : [band.greatest, band.least]))
  return [xs, ...curves.map((curve) => curve.values), ...bands] as unknown as uPlot.AlignedData
}
