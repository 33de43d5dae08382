import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { go } from '../router.ts'
import type { Column, Row } from './columns.tsx'
import { isTyping } from './keys.ts'
import type { Sort, SortName } from './view.ts'

/** Height of a row in pixels, as runs.css has it: which rows are in view is computed from it. */
const ROW_PX = 40
/** Rows that are drawn above and below those in view. */
const MARGIN = 4

interface Props {
  /** Says of what it is the list: that of something else begins at its top. */
  list: string
  rows: readonly Row[]
  total: number
  columns: readonly Column[]
  sort: Sort
  selected: readonly number[]
  onSort: (by: SortName) => void
  onSelect: (run: number) => void
  onEdit: (row: Row) => void
  /** Hears which rows are in view, from the first to before the last. */
  onView: (first: number, last: number) => void
}

/** Runs in a box that scrolls: only the rows in view are there. */
export function RunsTable(props: Props) {
  const { list, rows, total, columns, sort, selected, onSort, onSelect, onEdit, onView } = props
  const box = useRef<HTMLElement>(null)
  const { first, last, look } = useRowsInView(box, rows.length)
  useLayoutEffect(() => {
    box.current!.scrollTop = 0
    look()
  }, [list])
  useEffect(() => onView(first, last), [first, last])
  const at = useRowKeys(box, props, look)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
    <section ref={box} class="runs-box" tabIndex={0} aria-label="Runs" onScroll={look}>
      <table class="runs" aria-rowcount={total + 1}>
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col">
              <span class="spoken">Selected</span>
            </th>
            <Heading title="Run" name="number" sort={sort} onSort={onSort} />
            {columns.map(({ id, title, number, sort: name }) => (
              <Heading key={id} title={title} number={number} name={name} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <Space rows={first} />
        <tbody>
          {rows.slice(first, last).map((row, i) => (
            <Line
              key={row.card.id}
              row={row}
              columns={columns}
              index={first + i}
              isSelected={selected.includes(row.card.number)}
              isCurrent={at === row.card.number}
              onSelect={onSelect}
              onEdit={onEdit}
            />
          ))}
        </tbody>
        <Space rows={rows.length - last} />
      </table>
    </section>
  )
}

/** Stands where rows are that are not drawn. */
function Space({ rows }: { rows: number }) {
  if (rows <= 0) return null
  return (
    <tbody aria-hidden="true">
      <tr style={{ height: `${rows * ROW_PX}px` }} />
    </tbody>
  )
}

interface HeadingProps {
  title: string
  number?: boolean
  name?: SortName
  sort: Sort
  onSort: (by: SortName) => void
}

function Heading({ title, number, name, sort, onSort }: HeadingProps) {
  const isBy = name !== undefined && sort.by === name
  const ascending = sort.direction === 'ASC'
  return (
    <th
      scope="col"
      class={number ? 'number' : undefined}
      aria-sort={isBy ? (ascending ? 'ascending' : 'descending') : undefined}
    >
      {name === undefined ? (
        title
      ) : (
        <button type="button" class="quiet sort" onClick={() => onSort(name)}>
          {title} <span aria-hidden="true">{isBy ? (ascending ? '▲' : '▼') : '↕'}</span>
        </button>
      )}
    </th>
  )
}

interface LineProps {
  row: Row
  columns: readonly Column[]
  index: number
  isSelected: boolean
  isCurrent: boolean
  onSelect: (run: number) => void
  onEdit: (row: Row) => void
}

function Line({ row, columns, index, isSelected, isCurrent, onSelect, onEdit }: LineProps) {
  const { number, name } = row.card
  return (
    <tr aria-rowindex={index + 2} class={isCurrent ? 'current' : undefined}>
      <td>
        <input
          type="checkbox"
          checked={isSelected}
          aria-label={`Select #${number} ${name}`}
          onChange={(event) => {
            onSelect(number)
            // It is what the address says, which may have refused.
            event.currentTarget.checked = isSelected
          }}
        />
      </td>
      <th scope="row">
        <div class="name">
          <a href={`/runs/${number}`} data-run={number} class="cut" title={name}>
            #{number} {name}
          </a>
          <button
            type="button"
            class="quiet"
            aria-label={`Name and notes of #${number}`}
            onClick={() => onEdit(row)}
          >
            ✎
          </button>
        </div>
      </th>
      {columns.map(({ id, number: isNumber, show }) => (
        <td key={id} class={isNumber ? 'number' : undefined}>
          {show(row)}
        </td>
      ))}
    </tr>
  )
}

/** From which row to before which one the box shows; `look` looks again. */
function useRowsInView(box: { readonly current: HTMLElement | null }, length: number) {
  const [view, setView] = useState({ first: 0, last: Math.min(length, 30) })
  const look = () => {
    const element = box.current
    if (element === null) return
    const top = Math.floor(element.scrollTop / ROW_PX)
    const first = Math.max(0, Math.min(top, length) - MARGIN)
    const last = Math.min(length, top + Math.ceil(element.clientHeight / ROW_PX) + MARGIN)
    setView((before) => (before.first === first && before.last === last ? before : { first, last }))
  }
  const latest = useRef(look)
  latest.current = look
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => latest.current())
    observer.observe(box.current!)
    return () => observer.disconnect()
  }, [])
  useLayoutEffect(look, [length])
  return { ...view, look }
}

/** j and k move from row to row, x selects, e edits; Enter opens, because the row's link has the focus. Answers the run one is at. */
function useRowKeys(
  box: { readonly current: HTMLElement | null },
  props: Props,
  look: () => void,
): number | null {
  const [at, setAt] = useState<number | null>(null)
  const latest = useRef({ props, at, look })
  latest.current = { props, at, look }
  const toFocus = useRef<number | null>(null)
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (isTyping(event)) return
      const { props, at, look } = latest.current
      const { rows } = props
      const index = rows.findIndex(({ card }) => card.number === at)
      if (event.key === 'j' || event.key === 'k') {
        const next = rows[index < 0 ? 0 : index + (event.key === 'j' ? 1 : -1)]
        if (next === undefined) return
        event.preventDefault()
        toFocus.current = next.card.number
        setAt(next.card.number)
        scrollTo(box.current!, rows.indexOf(next))
        look()
      } else if (index >= 0 && event.key === 'x') props.onSelect(at!)
      else if (index >= 0 && event.key === 'e') {
        // Or it would be typed into the field that opens.
        event.preventDefault()
        props.onEdit(rows[index]!)
      } else if (index >= 0 && event.key === 'Enter' && event.target === document.body) go(`/runs/${at}`)
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [])
  useLayoutEffect(() => {
    if (toFocus.current === null) return
    const link = box.current?.querySelector<HTMLElement>(`[data-run="${toFocus.current}"]`)
    if (link == null) return
    toFocus.current = null
    link.focus({ preventScroll: true })
  })
  return at
}

/** Brings a row into the box, as little as that takes. The heading stays over the first row's height. */
function scrollTo(box: HTMLElement, index: number): void {
  const heading = box.querySelector('thead')!.offsetHeight
  const top = index * ROW_PX
  const bottom = top + ROW_PX + heading
  if (top < box.scrollTop) box.scrollTop = top
  else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight
  box.scrollIntoView({ block: 'nearest' })
}
