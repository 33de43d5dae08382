import { bytes, words } from '../format.ts'
import type { Dataset } from './documents.ts'

/** How far its fetch is. */
export function Fetching({ dataset: { name, fetch } }: { dataset: Pick<Dataset, 'name' | 'fetch'> }) {
  const isKnown = fetch !== null && fetch.totalBytes > 0
  return (
    <>
      <progress
        value={isKnown ? fetch.bytes : undefined}
        max={isKnown ? fetch.totalBytes : 1}
        aria-label={`Progress of ${name}`}
      />
      {fetch !== null && (
        <p class="small muted">
          {words(fetch.phase)}: {bytes(fetch.bytes)}
          {fetch.totalBytes > 0 && ` of ${bytes(fetch.totalBytes)}`}
        </p>
      )}
    </>
  )
}
