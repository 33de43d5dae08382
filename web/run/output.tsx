import { useEffect, useRef, useState } from 'preact/hooks'
import { RUN_LOG_LINES, type RunLogLine } from '../../src/client/documents.ts'
import { client } from '../live/api.ts'
import { throttle } from '../live/throttle.ts'
import { Panel } from '../parts/panel.tsx'

/** As many lines as a person scrolls through. */
const MAX_LINES = 1000
const DRAW_MS = 250

/** What the trainer prints, as it prints it. */
export function Output({ id }: { id: string }) {
  const [lines, setLines] = useState<readonly RunLogLine[]>([])
  const place = useRef<HTMLElement>(null)
  useEffect(() => {
    const leaving = new AbortController()
    const kept: RunLogLine[] = []
    const draw = throttle(DRAW_MS, () => setLines([...kept]))
    const read = async () => {
      try {
        for await (const line of client.followLog(id, { signal: leaving.signal })) {
          kept.push(line)
          if (kept.length > MAX_LINES) kept.shift()
          draw()
        }
      } catch {
        // Left, or the run is gone: the page says so.
      }
    }
    void read()
    return () => {
      leaving.abort()
      draw.cancel()
    }
  }, [id])
  useEffect(() => {
    const element = place.current
    if (element === null) return
    // Whoever scrolled up reads: the newest line does not pull it away.
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 120
    if (atEnd) element.scrollTop = element.scrollHeight
  }, [lines])
  if (lines.length === 0) return null
  return (
    <Panel title="Log" query={{ text: RUN_LOG_LINES, variables: { id } }}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <section ref={place} class="output" tabIndex={0} aria-label="What the trainer printed">
        <pre>
          {lines.map((line) => (
            <span key={line.number} class={line.stream}>
              {line.text}
              {'\n'}
            </span>
          ))}
        </pre>
      </section>
    </Panel>
  )
}
