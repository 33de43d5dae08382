import { useState } from 'preact/hooks'
import { Failure } from '../parts/failure.tsx'
import { type Answer, NEIGHBOURS, type Source } from './documents.ts'
import { useMore } from './more.ts'

/** The training pictures that look to the network like this one, when one asks for them. */
export function Neighbours({ source, answer }: { source: Source; answer: Answer }) {
  const [isShown, show] = useState(false)
  const { told, error, progress } = useMore(NEIGHBOURS, source, answer, isShown ? {} : null)
  return (
    <div class="stack">
      <label class="row small">
        <input type="checkbox" checked={isShown} onChange={(event) => show(event.currentTarget.checked)} />
        <span class="muted">Training pictures like it</span>
      </label>
      {error !== null && <Failure error={error} />}
      {isShown && error === null && told === null && (
        <p class="small muted" aria-live="polite">
          {progress ?? 'Comparing…'}
        </p>
      )}
      {told?.neighbours != null && (
        <>
          <ol class="alike small">
            {told.neighbours.map(({ index, label, distance, sample }) => (
              <li key={index}>
                <img class="pixelated" src={sample.image} alt={`Number ${index} of the training split`} />
                {label} <span class="muted">{distance.toFixed(3)}</span>
              </li>
            ))}
          </ol>
          <p class="small muted">
            To the network: by the features that its last layer is given, nearest first, with their cosine
            distance.
          </p>
        </>
      )}
    </div>
  )
}
