import { AXES, type Axis } from './axis.ts'
import type { Range } from './model.ts'

/** How the charts of a page are looked at. */
export interface View {
  axis: Axis
  range: Range | null
  logarithmic: boolean
  /** Whether the axis of the values leaves out their peaks. */
  isCut: boolean
  /** Of the smoothing, in steps; 0 for none. */
  halfLife: number
}

/** Where a page has the axis in its address, and what it is when it is not there. */
export interface AxisParam {
  name: string
  usual: Axis
}

/** What an address says of the charts; what makes no sense there says nothing. */
export function viewOf(query: URLSearchParams, { name, usual }: AxisParam): View {
  const number = (key: string) => Number(query.get(key) || Number.NaN)
  const [from, to, halfLife] = [number('from'), number('to'), number('smooth')]
  const asked = AXES.find((axis) => axis === query.get(name))
  return {
    axis: asked ?? usual,
    range: from < to && Number.isFinite(to - from) ? { from, to } : null,
    logarithmic: query.get('y') === 'log',
    isCut: query.get('peaks') === 'cut',
    halfLife: halfLife > 0 && Number.isFinite(halfLife) ? halfLife : 0,
  }
}

/** What the address says of a range: as many digits as a pixel of it needs. */
export function rangeParams(range: Range | null): { from: string | null; to: string | null } {
  if (range === null) return { from: null, to: null }
  // A thousandth of what is seen.
  const unit = 10 ** Math.floor(Math.log10((range.to - range.from) / 1000))
  const digits = Math.min(12, Math.max(0, -Math.log10(unit)))
  const written = (place: number) => String(Number(place.toFixed(Math.round(digits))))
  return { from: written(range.from), to: written(range.to) }
}
