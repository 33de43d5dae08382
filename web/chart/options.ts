import uPlot from 'uplot'
import { colourOf } from './colours.ts'
import type { ChartProps } from './model.ts'

/**
 * How uPlot draws a chart; `latest` is what it shows now, which changes more often than how.
 * @param scale how much larger text and lines are than on the page
 */
export function chartOptions(
  element: Element,
  latest: () => ChartProps,
  onCursor: (index: number | null) => void,
  width: number,
  scale = 1,
): uPlot.Options {
  const { curves, logarithmic = false, cursor, height = 280 } = latest()
  const text = colourOf(element, '--muted')
  const line = colourOf(element, '--line')
  const bad = colourOf(element, '--bad')
  // Asked of the page once: a chart is drawn ten times a second, and made anew when the theme changes.
  const tokens = new Map<string, string>()
  const markColour = (token: string) => {
    const known = tokens.get(token) ?? colourOf(element, token)
    tokens.set(token, known)
    return known
  }
  const colours = curves.map((curve) => colourOf(element, curve.token))
  const banded = curves.flatMap((curve, i) => (curve.band === undefined ? [] : [i]))
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
    padding: [12 * scale, 12 * scale, 0, 0],
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
        time: false,
        range: (_plot, least, greatest) => {
          const { range } = latest()
          if (range != null) return [range.from, range.to]
          return least === greatest ? [least - 0.5, greatest + 0.5] : [least, greatest]
        },
      },
      y: { distr: logarithmic ? 3 : 1 },
    },
    axes: [
      { ...axis, size: 36 * scale, values: (_plot, ticks) => ticks.map((tick) => tick.toLocaleString('en')) },
      { ...axis, size: 56 * scale },
    ],
    series: [
      {},
      ...curves.map((curve, i): uPlot.Series => {
        const stroke = curve.faint ? fade(colours[i]!, 0.35) : colours[i]!
        return {
          label: curve.label,
          stroke,
          width: (curve.faint ? 1 : 2) * scale,
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
      setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)],
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
          for (const { x, token } of latest().marks ?? []) drawMark(plot, x, markColour(token))
          for (const { x } of latest().gaps ?? []) drawGap(plot, x, bad)
        },
      ],
    },
  }
}

function drawMark(plot: uPlot, x: number, colour: string): void {
  const { ctx, bbox } = plot
  const left = Math.round(plot.valToPos(x, 'x', true))
  if (left < bbox.left || left > bbox.left + bbox.width) return
  ctx.save()
  ctx.strokeStyle = colour
  ctx.lineWidth = 1.5 * uPlot.pxRatio
  ctx.setLineDash([4 * uPlot.pxRatio, 4 * uPlot.pxRatio])
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
