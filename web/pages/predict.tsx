import { useState } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import { otherSeed, readSeed, useSamples } from '../data/samples.ts'
import { useQuery } from '../live/query.ts'
import { Drop } from '../parts/drop.tsx'
import { Failure } from '../parts/failure.tsx'
import { useTitle } from '../parts/title.ts'
import { Kept } from '../predict/kept.tsx'
import { useModel } from '../predict/model.ts'
import { ModelChoice } from '../predict/model-choice.tsx'
import { PictureCard } from '../predict/picture-card.tsx'
import { useUploads } from '../predict/pictures.ts'
import { params, setParams } from '../router.ts'
import '../predict/predict.css'
import '../run/run.css'

const DATASETS = graphql(`
  query TryDatasets {
    datasets { id name reference state imageShape }
  }
`)

/** Pictures of a data set at once. */
const TRIES = 6

/** Shows pictures to a model. Those of a data set are in the address; those of a person stay on the page. */
export default function Predict() {
  useTitle('Predict')
  const text = params.value.get('model')
  const chosen = useModel(text)
  const { uploads, add, remove } = useUploads()
  const [keep, setKeep] = useState(false)
  const { choices, model, weights, dataset, error } = chosen
  const tries = useTries(params.value.get('seed'), dataset)
  const threshold = readThreshold(params.value.get('below'))
  if (choices === null) return error === null ? null : <Failure error={error} />
  if (choices.names.length === 0) {
    return (
      <div class="empty">
        <h1>No model can answer yet.</h1>
        <p>Train a network first: the best of its weights become a model, which you can show pictures.</p>
        <a class="button primary" href="/">
          Train the first one
        </a>
      </div>
    )
  }
  const pictures = [...uploads.map((picture) => ({ ...picture, own: true })), ...tries.pictures]
  return (
    <>
      <h1>Show it a picture</h1>
      <ModelChoice text={text} chosen={chosen} />
      <Drop label="Drop pictures here, paste them, or choose files" multiple accept="image/*" onFiles={add}>
        <span class="small muted">
          JPEG, PNG, WebP, AVIF, GIF, TIFF and others; several at once, each gets an answer of its own.
        </span>
      </Drop>
      <div class="row">
        <button
          type="button"
          disabled={!tries.isPossible}
          onClick={() => setParams({ seed: String(otherSeed()) })}
        >
          {tries.pictures.length === 0 ? 'Try pictures of ' : 'Try others of '}
          {tries.name ?? 'the data set'}
        </button>
        {tries.pictures.length > 0 && (
          <button type="button" onClick={() => setParams({ seed: null })}>
            Hide them
          </button>
        )}
        <label class="row small">
          <span class="muted">None of these below</span>
          <input
            class="threshold"
            type="number"
            min="0"
            max="100"
            step="5"
            placeholder="0"
            value={params.value.get('below') ?? ''}
            onChange={({ currentTarget: { value } }) => setParams({ below: value === '' ? null : value })}
          />
          <span class="muted">%</span>
        </label>
        <label class="row">
          <input
            type="checkbox"
            checked={keep}
            onChange={(event) => setKeep(event.currentTarget.checked)}
            aria-describedby="kept-or-not"
          />
          Keep
        </label>
        <span class="small muted" id="kept-or-not">
          {keep
            ? 'Every answer is stored with the predictions of the server.'
            : 'Nothing is stored: an answer is gone when you leave the page.'}
        </span>
      </div>
      {tries.error !== null && <Failure error={tries.error} />}
      {model !== undefined && pictures.length > 0 && (
        <ul class="answers">
          {pictures.map(({ own, ...picture }) => (
            <PictureCard
              key={picture.key}
              picture={picture}
              model={model}
              weights={weights}
              keep={keep}
              threshold={threshold}
              onRemove={own ? () => remove(picture.key) : undefined}
            />
          ))}
        </ul>
      )}
      <Kept />
    </>
  )
}

/** Percent in the address, a share in the API; null for none. */
function readThreshold(text: string | null): number | null {
  const percent = Number(text ?? Number.NaN)
  return percent > 0 && percent <= 100 ? percent / 100 : null
}

/** Another version of the same data set. */
const isSameName = (reference: string | null) => (each: { name: string }) =>
  each.name === reference?.split('@')[0]

/**
 * Pictures of the test split, which no network learned from: of the data set that the model learned from where it is
 * here, else of the first that is.
 */
function useTries(text: string | null, reference: string | null) {
  const seed = readSeed(text)
  const { data } = useQuery(DATASETS, {})
  const here = data?.datasets.filter(({ state }) => state === 'READY')
  const dataset =
    here?.find((each) => each.reference === reference) ?? here?.find(isSameName(reference)) ?? here?.[0]
  const { samples, error } = useSamples(
    dataset === undefined || seed === null
      ? null
      : { id: dataset.id, imageShape: dataset.imageShape, count: TRIES, seed, split: 'TEST' },
  )
  const pictures = (samples ?? []).map(({ index, label, image }) => ({
    key: `${dataset!.reference} ${index}`,
    name: `Test picture ${index} of ${dataset!.name}`,
    source: { sample: { dataset: dataset!.reference, split: 'TEST' as const, index } },
    url: image,
    truth: label,
    own: false as const,
  }))
  return { pictures, error, isPossible: dataset !== undefined, name: dataset?.name }
}
