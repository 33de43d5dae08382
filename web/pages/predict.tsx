import { useState } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import { useQuery } from '../live/query.ts'
import { Drop } from '../parts/drop.tsx'
import { Failure } from '../parts/failure.tsx'
import { useTitle } from '../parts/title.ts'
import { useModel } from '../predict/model.ts'
import { ModelChoice } from '../predict/model-choice.tsx'
import { PictureCard } from '../predict/picture-card.tsx'
import { type Picture, useUploads } from '../predict/pictures.ts'
import { params, setParams } from '../router.ts'
import '../predict/predict.css'
import '../run/run.css'

const TRIES = graphql(`
  query Tries($seed: Int!) {
    datasets {
      name
      samples(count: 6, seed: $seed, split: TEST) { index label image(scale: 4) }
    }
  }
`)

/** Seeds that fit into an Int. */
const MOST_SEEDS = 1_000_000

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
          onClick={() => setParams({ seed: String(Math.floor(Math.random() * MOST_SEEDS)) })}
        >
          {tries.pictures.length === 0 ? 'Try pictures of the data set' : 'Try others of the data set'}
        </button>
        {tries.pictures.length > 0 && (
          <button type="button" onClick={() => setParams({ seed: null })}>
            Without them
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
    </>
  )
}

/** Pictures of the test split, which no network learned from. */
function useTries(text: string | null): { pictures: (Picture & { own: false })[]; error: Error | null } {
  const seed = Number(text ?? Number.NaN)
  const isSeed = Number.isSafeInteger(seed) && seed >= 0 && seed < 2 ** 31
  const { data, error } = useQuery(TRIES, isSeed ? { seed } : null)
  if (!isSeed) return { pictures: [], error: null }
  const [dataset] = data?.datasets ?? []
  const pictures = dataset?.samples.map(({ index, label, image }) => ({
    key: `${dataset.name} ${index}`,
    name: `Test picture ${index} of ${dataset.name}`,
    source: { sample: { dataset: dataset.name, split: 'TEST' as const, index } },
    url: image,
    truth: label,
    own: false as const,
  }))
  return { pictures: pictures ?? [], error }
}
