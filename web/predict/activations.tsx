import { useState } from 'preact/hooks'
import { words } from '../format.ts'
import { Failure } from '../parts/failure.tsx'
import { ACTIVATIONS, type Answer, type Source } from './documents.ts'
import { useMore } from './more.ts'

/** What a layer makes of a picture, when one asks for it. */
export function Activations({ source, answer }: { source: Source; answer: Answer }) {
  const { architecture } = answer.modelVersion
  const [layer, setLayer] = useState('')
  const { told, error } = useMore(ACTIVATIONS, source, answer, layer === '' ? null : { layer })
  return (
    <div class="stack">
      <label class="row small">
        <span class="muted">Look inside</span>
        <select value={layer} onChange={(event) => setLayer(event.currentTarget.value)}>
          <option value="">not now</option>
          {architecture.layers.map(({ name, kind, outputShape }) => (
            <option key={name} value={name}>
              {name} · {words(kind)} · {outputShape.join(' × ')}
            </option>
          ))}
        </select>
      </label>
      {error !== null && <Failure error={error} />}
      {layer !== '' && error === null && told === null && <p class="small muted">Computing…</p>}
      {told?.activations != null && (
        <figure class="stack">
          <img
            class="pixelated activations"
            src={told.activations}
            alt={`What ${layer} makes of the picture: a tile for each channel`}
          />
          <figcaption class="small muted">
            A tile for each of the first 64 channels, black where its value is least, white where it is
            greatest.
          </figcaption>
        </figure>
      )}
    </div>
  )
}
