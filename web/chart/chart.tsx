import { signal, useSignalEffect } from '@preact/signals'
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { isDark } from '../theme.ts'
import { valueAt } from './align.ts'
import { firstFrom } from './axis.ts'
import { AXIS_WORDS } from './axis-words.ts'
import { MarkStrip } from './mark-strip.tsx'
import type { ChartProps, Curve, Range } from './model.ts'
import { dataOf } from './model.ts'
import { chartOptions, type Frame } from './options.ts'
import './chart.css'

const ANNOUNCE_MS = 400
const MAX_ROWS = 200
/** The same each time: a chart is drawn when its marks are others. */
const NO_MARKS: NonNullable<ChartProps['marks']> = []

export function Chart(props: ChartProps) {
  const { label, axis, xs, curves, marks = NO_MARKS, markButtons = false, height = 280, format } = props
  const { name: xLabel, format: formatX } = AXIS_WORDS[axis]
  const id = useId()
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const latest = useRef(props)
  latest.current = props
  const frame = useMemo(() => signal<Frame | null>(null), [])
  const [at, setAt] = useState<number | null>(null)
  /** Where the keys went: it stands there when the curve grows, or is drawn otherwise. */
  const held = useRef<number | null>(null)
  const [dark, setDark] = useState(isDark())
  useSignalEffect(() => setDark(isDark()))

  const point = (index: number) => {
    const made = plot.current
    const x = latest.current.xs[index]
    if (made === null || x === undefined) return
    setAt(index)
    // Its types leave the third out, which tells the charts that share the cursor.
    const setCursor: (at: { left: number; top: number }, fire: boolean, tell: boolean) => void =
      made.setCursor
    setCursor({ left: made.valToPos(x, 'x'), top: 10 }, true, true)
  }
  /** A plot knows its scales, and forgets its cursor, only after what runs now. */
  const hold = () =>
    queueMicrotask(() => {
      const x = held.current
      // Of the charts that share a cursor, the one that keys are in says where it is.
      if (x !== null && document.activeElement === place.current)
        point(firstFrom(latest.current.xs, (it) => it >= x))
    })

  // What a plot is made of, but for its values: when that changes it is made anew.
  const shape = JSON.stringify([
    curves.map(({ values, band, ...rest }) => [rest, band !== undefined]),
    props.logarithmic,
    props.isCut,
    props.cursor,
    axis,
    markButtons,
    height,
    dark,
  ])
  useLayoutEffect(() => {
    const element = place.current!
    const onFrame = (next: Frame) => {
      if (JSON.stringify(next) !== JSON.stringify(frame.peek())) frame.value = next
    }
    const made = new uPlot(
      chartOptions(
        element,
        () => latest.current,
        { cursor: setAt, frame: onFrame },
        Math.max(element.clientWidth, 100),
      ),
      dataOf(latest.current),
      element,
    )
    plot.current = made
    hold()
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0)
        made.setSize({ width: element.clientWidth, height: latest.current.height ?? 280 })
    })
    observer.observe(element)
    const letGo = () => {
      held.current = null
    }
    element.addEventListener('mousemove', letGo)
    return () => {
      element.removeEventListener('mousemove', letGo)
      observer.disconnect()
      made.destroy()
      plot.current = null
    }
  }, [shape])
  const { from, to } = props.range ?? {}
  useLayoutEffect(() => {
    plot.current?.setData(dataOf(props))
    hold()
  }, [xs, curves, marks, from, to, props.extent?.from, props.extent?.to])

  // The newest that is seen.
  const newest = (to === undefined ? xs.length : firstFrom(xs, (x) => x > to)) - 1
  const shown = at !== null && at < xs.length ? at : newest
  const move = (event: KeyboardEvent) => {
    if (xs.length === 0) return
    const zoomed = zoomOf(event.key, frame.peek(), xs[shown] ?? xs[0]!)
    if (zoomed !== undefined && props.onRange !== undefined) {
      event.preventDefault()
      return props.onRange(zoomed)
    }
    const index = nextIndex(event, at ?? newest, xs.length)
    if (index === null) return
    event.preventDefault()
    held.current = xs[index]!
    point(index)
  }
  const read = (i: number) =>
    xs.length === 0
      ? 'nothing yet'
      : `${xLabel} ${formatX(xs[i]!)}: ${curves.map((curve) => `${curve.label} ${format(shownAt(props, curve, i))}`).join(', ')}`
  const gap = marks.find(({ kind }) => kind === 'gap')

  return (
    <figure class="chart" aria-labelledby={id}>
      <figcaption id={id} class="spoken">
        {label}. {curves.map((curve) => curve.label).join(', ')} by {xLabel}. Arrow keys move along it
        {props.onRange === undefined ? '.' : ', plus and minus zoom, 0 shows all.'}
      </figcaption>
      <div class="small muted" aria-hidden="true">
        {props.yLabel}
      </div>
      <div class="frame" style={{ '--plot-height': `${height}px` }}>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys read the chart from here */}
        <div ref={place} class="plot" role="img" aria-labelledby={id} tabIndex={0} onKeyDown={move} />
        {markButtons && <MarkStrip label={label} marks={marks} frame={frame} />}
      </div>
      <div class="legend small">
        <span class="muted">{shown >= 0 && `${xLabel} ${formatX(xs[shown]!)}`}</span>
        {curves.map((curve) => (
          <span key={curve.label}>
            <Swatch curve={curve} /> {curve.label} <b>{format(shownAt(props, curve, shown))}</b>
          </span>
        ))}
        {markButtons && gap !== undefined && <span class="gap">▲ {gap.label}</span>}
      </div>
      <Announcer text={at === null ? '' : read(shown)} />
      <div class="row small">
        <Table {...props} />
        <Csv {...props} />
        <button
          type="button"
          class="quiet"
          onClick={async () => (await exporting()).downloadPng(place.current!, latest.current)}
        >
          ↓ PNG
        </button>
      </div>
    </figure>
  )
}

function shownAt({ aligned = false }: ChartProps, { values }: Curve, index: number): number | null {
  return aligned ? valueAt(values, index) : (values[index] ?? null)
}

/** What only who saves a chart needs. */
const exporting = () => import('./export.ts')

/** Saves the points as they are; those of a long run take a while. */
function Csv({ label, csv }: ChartProps) {
  const [state, setState] = useState<'asked' | 'failed' | null>(null)
  const save = async () => {
    setState('asked')
    try {
      const [{ downloadCsv }, text] = await Promise.all([exporting(), csv()])
      downloadCsv(label, text)
      setState(null)
    } catch {
      setState('failed')
    }
  }
  return (
    <button type="button" class="quiet" disabled={state === 'asked'} onClick={() => void save()}>
      {state === 'failed' ? 'CSV failed: try again' : '↓ CSV'}
    </button>
  )
}

/** What a key zooms to: null shows all, undefined is no key for it. */
function zoomOf(key: string, seen: Frame | null, centre: number): Range | null | undefined {
  if (key === '0') return null
  const factor = key === '+' || key === '=' ? 0.25 : key === '-' ? 1 : null
  if (factor === null || seen === null) return undefined
  const half = (seen.to - seen.from) * factor
  // Nearer, there is nothing to see beside what was seen.
  const from = factor < 1 ? Math.min(Math.max(centre - half, seen.from), seen.to - 2 * half) : centre - half
  return { from, to: from + 2 * half }
}

/** Index of the point that a key leads to; null when it leads nowhere. */
function nextIndex({ key, shiftKey }: KeyboardEvent, at: number, length: number): number | null {
  if (length === 0) return null
  const last = length - 1
  if (key === 'Home') return 0
  if (key === 'End') return last
  const way = key === 'ArrowRight' ? 1 : key === 'ArrowLeft' ? -1 : 0
  if (way === 0) return null
  return Math.min(Math.max(at + way * (shiftKey ? 10 : 1), 0), last)
}

/** How a curve is drawn. */
export function Swatch({ curve }: { curve: Pick<Curve, 'token' | 'dash' | 'faint' | 'ghost' | 'dots'> }) {
  return (
    <svg
      width="22"
      height="8"
      aria-hidden="true"
      style={{ color: `var(${curve.token})`, opacity: curve.faint || curve.ghost ? 0.5 : 1 }}
    >
      <line
        x1="0"
        y1="4"
        x2="22"
        y2="4"
        stroke="currentColor"
        stroke-width={curve.ghost ? 7 : 2.5}
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
function Table(props: ChartProps) {
  const { label, axis, xs, curves, format } = props
  const { name, format: formatX } = AXIS_WORDS[axis]
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
                <th scope="col">{name}</th>
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
                        {format(shownAt(props, curve, first + i))}
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
