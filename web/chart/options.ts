import uPlot from 'uplot'
import { DURATION_TICKS, tickText, WHOLE_TICKS } from './axis-words.ts'
import { colourOf } from './colours.ts'
import { MARK_KINDS } from './marks.ts'
import type { ChartProps } from './model.ts'
import { withoutPeaks } from './peaks.ts'

/** What part of the axis a chart shows, and where: in pixels of the page. */
export interface Frame {
  from: number
  to: number
  left: number
  width: number
}

/**
 * How uPlot draws a chart; `latest` is what it shows now, which changes more often than how.
 * @param scale how much larger text and lines are than on the page
 */
export function chartOptions(
  element: Element,
  latest: () => ChartProps,
  on: { cursor?: (index: number | null) => void; frame?: (frame: Frame) => void },
  width: number,
  scale = 1,
): uPlot.Options {
  const {
    curves,
    logarithmic = false,
    cursor,
    height = 280,
    axis: over,
    markButtons = false,
    isShare = false,
    isCut = false,
  } = latest()
  const text = colourOf(element, '--muted')
  const line = colourOf(element, '--line')
  // Asked of the page once: a chart is drawn ten times a second, and made anew when the theme changes.
  const tokens = new Map<string, string>()
  const markColour = (token: string) => {
    const known = tokens.get(token) ?? colourOf(element, token)
    tokens.set(token, known)
    return known
  }
  const colours = curves.map((curve) => colourOf(element, curve.token))
  const banded = curves.flatMap((curve, i) => (curve.band === undefined ? [] : [i]))
  /** Of what is seen of the curves, as the axis of their places has it. */
  const cut = (plot: uPlot, least: number, greatest: number): [number, number] => {
    const [first, last] = plot.series[0]!.idxs ?? [0, plot.data[0].length - 1]
    const seen = latest().curves.map(({ values }) => values.slice(first, last + 1))
    return withoutPeaks(seen, logarithmic) ?? [least, greatest]
  }
  const axis = {
    stroke: text,
    font: `${12 * scale}px system-ui, sans-serif`,
    grid: { stroke: line, width: scale },
    ticks: { stroke: line, width: scale },
  }
  return {
    width,
    height,
    legend: { show: false },
    padding: [(markButtons ? 30 : 12) * scale, 12 * scale, 0, 0],
    cursor: {
      y: false,
      // What was drawn over is looked at closely: whoever owns the range decides.
      drag: { x: true, y: false, setScale: false },
      ...(cursor === undefined ? {} : { sync: { key: cursor } }),
      points: { size: 7 },
      bind: {
        dblclick: () => () => {
          latest().onRange?.(null)
          return null
        },
      },
    },
    scales: {
      x: {
        time: over === 'clock',
        range: (_plot, least, greatest) => {
          const { range, extent } = latest()
          if (range != null) return [range.from, range.to]
          const [from, to] = [extent?.from ?? least, extent?.to ?? greatest]
          return from === to ? [from - 0.5, to + 0.5] : [from, to]
        },
      },
      y: { distr: logarithmic ? 3 : 1, ...(isCut ? { range: cut } : {}) },
    },
    axes: [
      {
        ...axis,
        size: 36 * scale,
        space: 70 * scale,
        ...(over === 'time' ? { incrs: DURATION_TICKS } : {}),
        ...(over === 'step' || over === 'images' ? { incrs: WHOLE_TICKS } : {}),
        values: (_plot, ticks, _axis, _space, apart) => ticks.map((tick) => tickText(over, tick, apart)),
      },
      {
        ...axis,
        size: (_plot, labels) => widthOf(labels ?? []) * scale,
        values: (_plot, ticks) => ticks.map(isShare ? shareText : valueText),
      },
    ],
    series: [
      {},
      ...curves.map((curve, i): uPlot.Series => {
        const stroke = curve.faint || curve.ghost ? fade(colours[i]!, 0.35) : colours[i]!
        return {
          label: curve.label,
          stroke,
          width: (curve.ghost ? 7 : curve.faint ? 1 : 2) * scale,
          points: { show: curve.dots === true, size: 6 * scale, fill: stroke },
          ...(curve.dash === undefined || curve.dash.length === 0 ? {} : { dash: curve.dash }),
          // Epochs and steps share an axis: what has no value at a step is no gap.
          spanGaps: curve.dots === true,
        }
      }),
      ...banded.flatMap((): uPlot.Series[] => [
        { width: 0, stroke: 'transparent', points: { show: false } },
        { width: 0, stroke: 'transparent', points: { show: false } },
      ]),
    ],
    bands: banded.map((i, k) => ({
      series: [1 + curves.length + 2 * k, 2 + curves.length + 2 * k],
      fill: fade(colours[i]!, 0.22),
    })),
    hooks: {
      setCursor: [(plot) => on.cursor?.(plot.cursor.idx ?? null)],
      setSelect: [
        (plot) => {
          const { left, width: wide } = plot.select
          if (wide < 4) return
          const [from, to] = [plot.posToVal(left, 'x'), plot.posToVal(left + wide, 'x')]
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          latest().onRange?.({ from, to })
        },
      ],
      draw: [
        (plot) => {
          for (const { x, kind } of latest().marks ?? []) {
            // Other figures of the same points are finite there.
            if (kind === 'gap' && !markButtons) continue
            const draw = kind === 'gap' ? drawGap : drawRule
            draw(plot, x, markColour(MARK_KINDS[kind].token), kind !== 'restart')
          }
          const { min, max } = plot.scales.x!
          on.frame?.({
            from: min!,
            to: max!,
            left: plot.bbox.left / uPlot.pxRatio,
            width: plot.bbox.width / uPlot.pxRatio,
          })
        },
      ],
    },
  }
}

const shareText = (tick: number | null): string =>
  tick === null ? '' : `${Number((100 * tick).toPrecision(4))} %`

/** Room for the labels of an axis, in pixels: charts above one another begin at the same place, if none is very long. */
function widthOf(labels: readonly (string | null)[]): number {
  const longest = labels.reduce((most, label) => Math.max(most, label?.length ?? 0), 0)
  return Math.max(56, 20 + 7.5 * longest)
}

/** A tick of the values: as wide as there is room. null is one that a logarithmic axis leaves out. */
function valueText(tick: number | null): string {
  if (tick === null) return ''
  const size = Math.abs(tick)
  if (size >= 1e9 || (size > 0 && size < 1e-4)) return tick.toExponential(0)
  return tick.toLocaleString('en', size >= 1e4 ? { notation: 'compact' } : { maximumSignificantDigits: 5 })
}

function drawRule(plot: uPlot, x: number, colour: string, isDashed: boolean): void {
  const { ctx, bbox } = plot
  const left = Math.round(plot.valToPos(x, 'x', true))
  if (left < bbox.left || left > bbox.left + bbox.width) return
  ctx.save()
  ctx.strokeStyle = colour
  ctx.lineWidth = 1.5 * uPlot.pxRatio
  if (isDashed) ctx.setLineDash([4 * uPlot.pxRatio, 4 * uPlot.pxRatio])
  ctx.beginPath()
  ctx.moveTo(left, bbox.top)
  ctx.lineTo(left, bbox.top + bbox.height)
  ctx.stroke()
  ctx.restore()
}

/** A triangle on the axis. */
function drawGap(plot: uPlot, x: number, colour: string): void {
  const { ctx, bbox } = plot
  const left = plot.valToPos(x, 'x', true)
  if (left < bbox.left || left > bbox.left + bbox.width) return
  const size = 6 * uPlot.pxRatio
  const bottom = bbox.top + bbox.height
  ctx.save()
  ctx.fillStyle = colour
  ctx.beginPath()
  ctx.moveTo(left, bottom - 2 * size)
  ctx.lineTo(left + size, bottom)
  ctx.lineTo(left - size, bottom)
  ctx.fill()
  ctx.restore()
}

/** rgb(...) with a share of itself. */
function fade(colour: string, alpha: number): string {
  return colour.replace(/^rgb\((.*)\)$/, (_all, parts: string) =>
    parts.includes(',') ? `rgba(${parts}, ${alpha})` : `rgb(${parts} / ${alpha})`,
  )
}
