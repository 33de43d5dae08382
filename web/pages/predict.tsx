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
    datasets { id name state }
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
  const tries = useTries(params.value.get('seed'))
  const { choices, model, weights, error } = chosen
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
          {tries.pictures.length === 0 ? 'Try pictures of the data set' : 'Try others of the data set'}
        </button>
        {tries.pictures.length > 0 && (
          <button type="button" onClick={() => setParams({ seed: null })}>
            Hide them
          </button>
        )}
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
              onRemove={own ? () => remove(picture.key) : undefined}
            />
          ))}
        </ul>
      )}
      <Kept />
    </>
  )
}

/** Pictures of the test split, which no network learned from, of the first data set that is here. */
function useTries(text: string | null) {
  const seed = readSeed(text)
  const { data } = useQuery(DATASETS, {})
  const dataset = data?.datasets.find(({ state }) => state === 'READY')
  const { samples, error } = useSamples(
    dataset === undefined || seed === null ? null : { id: dataset.id, count: TRIES, seed, split: 'TEST' },
  )
  const pictures = (samples ?? []).map(({ index, label, image }) => ({
    key: `${dataset!.name} ${index}`,
    name: `Test picture ${index} of ${dataset!.name}`,
    source: { sample: { dataset: dataset!.name, split: 'TEST' as const, index } },
    url: image,
    truth: label,
    own: false as const,
  }))
  return { pictures, error, isPossible: dataset !== undefined }
}
