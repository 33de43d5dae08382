import { disconnected } from '../live/api.ts'

/** Says that what is on the page may be old. */
export function Banner() {
  return (
    <div role="status" aria-live="polite">
      {disconnected.value && (
        <p class="banner">The server does not answer. The page goes on by itself when it does again.</p>
      )}
    </div>
  )
}
