import { count } from '../format.ts'
import type { Pages } from './pages-of.ts'

interface Props {
  /** What is gone through. */
  of: string
  pages: Pages
  total: number
  size: number
  /** Where the next page begins; null on the last. */
  next: string | null
}

/** Leads from page to page; nothing where one holds all. */
export function Pager({ of, pages, total, size, next }: Props) {
  if (total <= size) return null
  const from = (pages.number - 1) * size + 1
  return (
    <nav class="row small" aria-label={`Pages of ${of}`}>
      <button type="button" disabled={pages.number === 1} onClick={pages.previous}>
        Before
      </button>
      <span role="status">
        {count(from)} to {count(Math.min(total, from + size - 1))} of {count(total)}
      </span>
      <button type="button" disabled={next === null} onClick={() => next !== null && pages.next(next)}>
        Next
      </button>
    </nav>
  )
}
