import { MARK_KINDS, type Mark } from '../chart/marks.ts'

/** The marks of a chart in words. */
export function MarkList({ marks }: { marks: readonly Mark[] }) {
  if (marks.length === 0) return null
  return (
    <details class="small">
      <summary>
        {marks.length} {marks.length === 1 ? 'mark' : 'marks'}
      </summary>
      <ul class="marks">
        {marks.map(({ kind, label }) => (
          <li key={`${kind} ${label}`}>
            <span style={{ color: `var(${MARK_KINDS[kind].token})` }} aria-hidden="true">
              {MARK_KINDS[kind].glyph}
            </span>{' '}
            {label}
          </li>
        ))}
      </ul>
    </details>
  )
}
