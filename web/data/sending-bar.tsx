import { bytes, percent } from '../format.ts'
import { sending } from './sending.ts'

/** How far what is sent is, and what ends it. */
export function SendingBar() {
  const now = sending.value
  if (now === null) return null
  const { title, sent, total, cancel } = now
  const isSent = sent >= total
  return (
    <div class="stack">
      <progress
        value={isSent ? undefined : sent}
        max={Math.max(1, total)}
        aria-label={`Progress of ${title}`}
      />
      <div class="row">
        <span class="small muted" role="status">
          {isSent
            ? `${title} is sent. The server looks at it…`
            : `Sent ${percent(sent / total, 0)} of ${title}, ${bytes(total)}`}
        </span>
        <button type="button" onClick={cancel}>
          Cancel
        </button>
      </div>
    </div>
  )
}
