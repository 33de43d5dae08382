import { useSignalEffect } from '@preact/signals'
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { isDark } from '../theme.ts'
import { downloadCsv, downloadPng } from './export.ts'
import type { ChartProps, Curve } from './model.ts'
import { dataOf } from './model.ts'
import { chartOptions } from './options.ts'
import './chart.css'

const ANNOUNCE_MS = 400
const MAX_ROWS = 200

export function Chart(props: ChartProps) {
  const { label, xLabel, xs, curves, gaps = [], height = 280, format } = props
  const formatX = props.formatX ?? String
  const id = useId()
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const latest = useRef(props)
  latest.current = props
  const [at, setAt] = useState<number | null>(null)
  const [dark, setDark] = useState(isDark())
  useSignalEffect(() => setDark(isDark()))

  // What a plot is made of, but for its values: when that changes it is made anew.
  const shape = JSON.stringify([
    curves.map(({ values, band, ...rest }) => [rest, band !== undefined]),
    props.logarithmic,
    props.cursor,
    xLabel,
    height,
    dark,
  ])
  useLayoutEffect(() => {
    const element = place.current!
    const made = new uPlot(
      chartOptions(element, () => latest.current, setAt, Math.max(element.clientWidth, 100)),
      dataOf(latest.current),
      element,
    )
    plot.current = made
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0)
        made.setSize({ width: element.clientWidth, height: latest.current.height ?? 280 })
    })
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
      plot.current = null
    }
  }, [shape])
  const { from, to } = props.range ?? {}
  useLayoutEffect(() => {
    plot.current?.setData(dataOf(props))
  }, [xs, curves, props.marks, gaps, from, to])

  const move = (event: KeyboardEvent) => {
    const index = nextIndex(event, at, xs.length)
    const made = plot.current
    if (index === null || made === null) return
    event.preventDefault()
    setAt(index)
    made.setCursor({ left: made.valToPos(xs[index]!, 'x'), top: 10 })
  }
  const shown = at !== null && at < xs.length ? at : xs.length - 1
  const read = (i: number) =>
    xs.length === 0
      ? 'nothing yet'
      : `${xLabel} ${formatX(xs[i]!)}: ${curves.map((curve) => `${curve.label} ${format(curve.values[i] ?? null)}`).join(', ')}`

  return (
    <figure class="chart" aria-labelledby={id}>
      <figcaption id={id} class="spoken">
        {label}. {curves.map((curve) => curve.label).join(', ')} by {xLabel}. Arrow keys move along it.
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys read the chart from here */}
      <div ref={place} class="plot" role="img" aria-labelledby={id} tabIndex={0} onKeyDown={move} />
      <div class="legend small">
        <span class="muted">{xs.length > 0 && `${xLabel} ${formatX(xs[shown]!)}`}</span>
        {curves.map((curve) => (
          <span key={curve.label}>
            <Swatch curve={curve} /> {curve.label} <b>{format(curve.values[shown] ?? null)}</b>
          </span>
        ))}
        {gaps.length > 0 && <span class="gap">▲ {gaps[0]!.label}</span>}
      </div>
      <Announcer text={at === null ? '' : read(shown)} />
      <div class="row small">
        <Table {...props} />
        <button type="button" class="quiet" onClick={() => downloadCsv(label, xLabel, xs, curves)}>
          CSV
        </button>
        <button
          type="button"
          class="quiet"
          onClick={() => downloadPng(label, place.current!, latest.current)}
        >
          PNG
        </button>
      </div>
    </figure>
  )
}

/** Index of the point that a key leads to; null when it leads nowhere. */
function nextIndex({ key, shiftKey }: KeyboardEvent, at: number | null, length: number): number | null {
  if (length === 0) return null
  const last = length - 1
  if (key === 'Home') return 0
  if (key === 'End') return last
  const way = key === 'ArrowRight' ? 1 : key === 'ArrowLeft' ? -1 : 0
  if (way === 0) return null
  return Math.min(Math.max((at ?? last) + way * (shiftKey ? 10 : 1), 0), last)
}

/** How a curve is drawn. */
export function Swatch({ curve }: { curve: Pick<Curve, 'token' | 'dash' | 'faint' | 'dots'> }) {
  return (
    <svg
      width="22"
      height="8"
      aria-hidden="true"
      style={{ color: `var(${curve.token})`, opacity: curve.faint ? 0.5 : 1 }}
    >
      <line
        x1="0"
        y1="4"
        x2="22"
        y2="4"
        stroke="currentColor"
        stroke-width="2.5"
        stroke-dasharray={curve.dash?.join(' ')}
      />
      {curve.dots && <circle cx="11" cy="4" r="3.5" fill="currentColor" />}
    </svg>
  )
}

/** Says where the cursor is, when it rests. */
function Announcer({ text }: { text: string }) {
  const [said, say] = useState('')
  useEffect(() => {
    const timer = setTimeout(() => say(text), ANNOUNCE_MS)
    return () => clearTimeout(timer)
  }, [text])
  return (
    <span class="spoken" role="status" aria-live="polite">
      {said}
    </span>
  )
}

/** The same as numbers, the newest first. */
function Table({ label, xLabel, xs, curves, format, formatX = String }: ChartProps) {
  const [open, setOpen] = useState(false)
  const first = Math.max(0, xs.length - MAX_ROWS)
  return (
    <details class="as-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Table</summary>
      {open && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
        <section class="scroll tall" tabIndex={0} aria-label={`${label} as a table`}>
          <table>
            <thead>
              <tr>
                <th scope="col">{xLabel}</th>
                {curves.map((curve) => (
                  <th key={curve.label} scope="col" class="number">
                    {curve.label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {xs
                .slice(first)
                .map((x, i) => (
                  <tr key={x}>
                    <th scope="row">{formatX(x)}</th>
                    {curves.map((curve) => (
                      <td key={curve.label} class="number">
                        {format(curve.values[first + i] ?? null)}
                      </td>
                    ))}
                  </tr>
                ))
                .reverse()}
            </tbody>
          </table>
        </section>
      )}
    </details>
  )
}
