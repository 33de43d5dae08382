import { useState } from 'preact/hooks'
import { Failure } from '../parts/failure.tsx'
import { type Answer, SALIENCY, type Source } from './documents.ts'
import { useMore } from './more.ts'

const METHODS = {
  GRADIENT: {
    name: 'pixels that matter (gradient)',
    says: 'The stronger the colour, the more a small change of the pixel changes the answer.',
  },
  GRAD_CAM: {
    name: 'parts that it recognised (Grad-CAM)',
    says: 'The stronger the colour, the more the last convolution finds there that speaks for the class.',
  },
  OCCLUSION: {
    name: 'parts it cannot do without (occlusion)',
    says: 'Vermilion where hiding that part makes the class less likely, blue where it makes it more so.',
  },
} as const
type Method = keyof typeof METHODS

/** Which pixels speak for a class, when one asks for it. */
export function Saliency({ source, answer }: { source: Source; answer: Answer }) {
  const [method, setMethod] = useState<Method | ''>('')
  const [other, setOther] = useState<string | null>(null)
  const label = other ?? answer.label
  const { told, error } = useMore(SALIENCY, source, answer, method === '' ? null : { method, class: label })
  return (
    <div class="stack">
      <div class="row small">
        <label class="row">
          <span class="muted">Why</span>
          <select value={method} onChange={(event) => setMethod(event.currentTarget.value as Method | '')}>
            <option value="">not now</option>
            {Object.entries(METHODS).map(([value, { name }]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
        {method !== '' && (
          <label class="row">
            <span class="muted">for</span>
            <select value={label} onChange={(event) => setOther(event.currentTarget.value)}>
              {answer.probabilities.map(({ label: name }) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      {error !== null && <Failure error={error} />}
      {method !== '' && error === null && told === null && <p class="small muted">Computing…</p>}
      {method !== '' && told?.saliency != null && (
        <figure class="stack">
          <img
            class="pixelated heat"
            src={told.saliency.image}
            alt={`Heat map of what speaks for ${label}`}
          />
          <figcaption class="small muted">{METHODS[method].says}</figcaption>
        </figure>
      )}
    </div>
  )
}
