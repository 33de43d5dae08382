import type { Signal } from '@preact/signals'
import { useState } from 'preact/hooks'
import { clustersOf, MARK_KINDS, type Mark, textOf } from './marks.ts'
import type { Frame } from './options.ts'

/** As far as a finger tells apart, and WCAG's least target. */
const APART = 26

interface Props {
  label: string
  marks: readonly Mark[]
  frame: Signal<Frame | null>
}

/** The marks of a chart above it, as buttons that say what they are. The arrow keys move among them. */
export function MarkStrip({ label, marks, frame: known }: Props) {
  const [current, setCurrent] = useState(0)
  const [said, say] = useState<number | null>(null)
  const frame = known.value
  if (frame === null) return null
  const clusters = clustersOf(marks, frame, APART)
  if (clusters.length === 0) return null
  const reached = Math.min(current, clusters.length - 1)
  const move = (event: KeyboardEvent) => {
    if (event.key === 'Escape') return say(null)
    const next = nextOf(event.key, reached, clusters.length)
    if (next === null) return
    event.preventDefault()
    setCurrent(next)
    const strip = event.currentTarget as HTMLElement
    strip.querySelectorAll('button')[next]?.focus()
  }
  const shown = said === null ? undefined : clusters[said]
  return (
    <div
      class="mark-strip"
      role="toolbar"
      aria-label={`Marks of ${label}`}
      style={{ left: `${frame.left}px`, width: `${frame.width}px` }}
      onKeyDown={move}
    >
      {clusters.map((cluster, i) => {
        const { glyph, token } = MARK_KINDS[cluster.kind]
        const many = cluster.marks.length
        return (
          <button
            key={cluster.marks[0]!.label}
            type="button"
            class="mark"
            tabIndex={i === reached ? 0 : -1}
            aria-label={textOf(cluster)}
            style={{ left: `${cluster.left}px`, color: `var(${token})` }}
            onFocus={() => {
              setCurrent(i)
              say(i)
            }}
            onBlur={() => say(null)}
            onMouseEnter={() => say(i)}
            onMouseLeave={() => say(null)}
            onClick={() => say(i)}
          >
            {glyph}
            {many > 1 && <sup>{many}</sup>}
          </button>
        )
      })}
      {shown !== undefined && (
        <>
          <span class="mark-rule" style={{ left: `${shown.left}px` }} aria-hidden="true" />
          <span
            class="mark-text small"
            aria-hidden="true"
            // As far to the left of its mark as the mark is from the left: so it never leaves the chart.
            style={{
              left: `${shown.left}px`,
              transform: `translateX(-${(100 * shown.left) / Math.max(1, frame.width)}%)`,
            }}
          >
            {textOf(shown)}
          </span>
        </>
      )}
    </div>
  )
}

function nextOf(key: string, at: number, length: number): number | null {
  if (key === 'Home') return 0
  if (key === 'End') return length - 1
  if (key === 'ArrowRight') return Math.min(length - 1, at + 1)
  if (key === 'ArrowLeft') return Math.max(0, at - 1)
  return null
}
