import { useState } from 'preact/hooks'
import { milliseconds, percent, words } from '../format.ts'
import { Bars } from '../parts/bars.tsx'
import { Activations } from './activations.tsx'
import { type Asking, useAsking } from './asking.ts'
import type { ModelRef } from './documents.ts'
import { Neighbours } from './neighbours.tsx'
import type { Picture } from './pictures.ts'
import { Saliency } from './saliency.tsx'

interface Props {
  picture: Picture
  model: ModelRef
  weights: string
  keep: boolean
  threshold: number | null
  onRemove?: () => void
}

/** A picture, what the network saw of it, and what it takes it for; or why it was refused. */
export function PictureCard({ picture, model, weights, keep, threshold, onRemove }: Props) {
  const asking = useAsking(picture.source, model, weights, keep, threshold)
  return (
    <li class="panel">
      <div class="row spread">
        <h2 class="picture-name">{picture.name}</h2>
        {onRemove !== undefined && (
          <button type="button" class="quiet" onClick={onRemove}>
            Remove<span class="spoken"> {picture.name}</span>
          </button>
        )}
      </div>
      <div class="seen">
        <Preview picture={picture} />
        {asking.state === 'answered' && (
          <figure>
            <img class="pixelated" src={asking.answer.input} alt="As the network saw it" />
            <figcaption class="small muted">What the network saw</figcaption>
          </figure>
        )}
      </div>
      <div aria-live="polite" class="stack">
        <Said asking={asking} truth={picture.truth} />
      </div>
      {asking.state === 'answered' && (
        <>
          <Saliency source={picture.source} answer={asking.answer} />
          <Neighbours source={picture.source} answer={asking.answer} />
          <Activations source={picture.source} answer={asking.answer} />
        </>
      )}
    </li>
  )
}

function Preview({ picture: { url, name, truth } }: { picture: Picture }) {
  const [isUnknown, setUnknown] = useState(false)
  return (
    <figure>
      {isUnknown ? (
        <div class="no-preview small muted">This browser cannot show it.</div>
      ) : (
        <img
          class={truth === undefined ? '' : 'pixelated'}
          src={url}
          alt={name}
          onError={() => setUnknown(true)}
        />
      )}
      <figcaption class="small muted">
        {truth === undefined ? 'The picture' : `In truth: ${truth}`}
      </figcaption>
    </figure>
  )
}

function Said({ asking, truth }: { asking: Asking; truth: string | undefined }) {
  if (asking.state === 'asked') {
    return (
      <>
        <progress
          value={asking.sent > 0 && asking.sent < 1 ? asking.sent : undefined}
          max={1}
          aria-label="Sending the picture"
        />
        <p class="small muted">
          {asking.sent > 0 && asking.sent < 1 ? `Sent ${percent(asking.sent, 0)}` : 'Asking…'}
        </p>
      </>
    )
  }
  if (asking.state === 'refused') {
    return (
      <p class="error small">
        <strong>{asking.reason === null ? 'No answer' : `Refused: ${words(asking.reason)}`}.</strong>{' '}
        {asking.message}
      </p>
    )
  }
  const { label, known, latencyMs, modelVersion, probabilities } = asking.answer
  const { model, version } = modelVersion
  return (
    <>
      <p>
        {known ? (
          <b>{label}</b>
        ) : (
          <>
            <b>None of these</b> <span class="muted">(nearest: {label})</span>
          </>
        )}
        {known && truth !== undefined && (
          <span class="muted">{label === truth ? ' ✓ right' : ' ✗ wrong'}</span>
        )}{' '}
        <span class="small muted">
          by{' '}
          <a href={`/models/${encodeURIComponent(model.name)}/${version}`}>
            {model.name} version {version}
          </a>{' '}
          in {milliseconds(latencyMs)}
          {asking.kept && ' · kept'}
        </span>
      </p>
      <Bars of={probabilities} truth={truth} />
    </>
  )
}
