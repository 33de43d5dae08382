import { useEffect, useState } from 'preact/hooks'
import { words } from '../format.ts'
import { client } from '../live/api.ts'
import { expectMember } from '../live/mutate.ts'
import { Failure } from '../parts/failure.tsx'
import { ACTIVATIONS, type Answer, type Source } from './documents.ts'

/** What a layer makes of a picture, when one asks for it. */
export function Activations({ source, answer }: { source: Source; answer: Answer }) {
  const { id, architecture } = answer.modelVersion
  const [layer, setLayer] = useState('')
  const [drawn, setDrawn] = useState<{ layer: string; image: string | null } | null>(null)
  const [error, fail] = useState<Error | null>(null)
  useEffect(() => {
    fail(null)
    if (layer === '') return
    const leaving = new AbortController()
    // Of the very weights that answered, whatever an alias names by now.
    const input = { image: source, model: { versionId: id } }
    client.query(ACTIVATIONS, { input, layer }, { signal: leaving.signal, retry: true }).then(
      ({ predict }) => {
        try {
          setDrawn({ layer, image: expectMember(predict, 'Prediction').activations })
        } catch (reason) {
          fail(reason as Error)
        }
      },
      (reason: Error) => {
        if (!leaving.signal.aborted) fail(reason)
      },
    )
    return () => leaving.abort()
  }, [layer, id])
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
      {layer !== '' && error !== null && <Failure error={error} />}
      {layer !== '' && error === null && drawn?.layer !== layer && <p class="small muted">Computing…</p>}
      {layer !== '' && error === null && drawn?.layer === layer && drawn.image !== null && (
        <figure class="stack">
          <img
            class="pixelated activations"
            src={drawn.image}
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
