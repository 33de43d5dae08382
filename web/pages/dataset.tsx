import { graphql } from '../../src/client/graphql.ts'
import { ClassCounts } from '../data/class-counts.tsx'
import { DATASETS, type Dataset, SAMPLES } from '../data/documents.ts'
import { useLive } from '../data/live.ts'
import { otherSeed, readSeed, type Split, useSamples } from '../data/samples.ts'
import { State } from '../data/state.tsx'
import { count } from '../format.ts'
import { useQuery } from '../live/query.ts'
import { Failure } from '../parts/failure.tsx'
import { Figures } from '../parts/figures.tsx'
import { Panel } from '../parts/panel.tsx'
import { useTitle } from '../parts/title.ts'
import { params, setParams } from '../router.ts'
import '../data/data.css'

const SHOWN = 60
const SPLITS: readonly [Split, string][] = [
  ['TRAIN', 'Training'],
  ['TEST', 'Test'],
]

/** One data set: whether it is here, what classes it has, and what its pictures look like. */
export default function DatasetPage({ name }: { name: string }) {
  useTitle(name)
  const { data, error } = useQuery(DATASETS, {})
  if (data === null) return error === null ? null : <Failure error={error} />
  const dataset = data.datasets.find((it) => it.name === name)
  if (dataset === undefined) {
    return (
      <div class="empty">
        <h1>There is no data set {name}.</h1>
        <a class="button" href="/data">
          All data sets
        </a>
      </div>
    )
  }
  return <Shown asked={dataset} />
}

function Shown({ asked }: { asked: Dataset }) {
  const dataset = useLive(asked)
  const { name, classes, trainCount, testCount, imageShape, digest, state } = dataset
  return (
    <>
      <div>
        <p class="small">
          <a href="/data">Data</a>
        </p>
        <h1>{name}</h1>
      </div>
      <State dataset={dataset} />
      <Figures
        of={[
          ['Training images', count(trainCount)],
          ['Test images', count(testCount)],
          ['Classes', classes.length],
          ['Image', imageShape.join(' × ')],
        ]}
      />
      <Panel title="Classes" query={{ text: CLASSES }}>
        <ClassCounts dataset={dataset} />
        {digest !== null && (
          <p class="small muted">
            sha256 of all images and labels <code>{digest}</code>
          </p>
        )}
      </Panel>
      {state === 'READY' && <Samples dataset={dataset} />}
    </>
  )
}

function Samples({ dataset: { id, name } }: { dataset: Dataset }) {
  const seed = readSeed(params.value.get('seed')) ?? 0
  const split: Split = params.value.get('split') === 'TEST' ? 'TEST' : 'TRAIN'
  const asked = { id, count: SHOWN, seed, split }
  const { samples, error } = useSamples(asked)
  return (
    <Panel
      title="Samples"
      query={{ text: SAMPLES, variables: asked }}
      tools={
        <>
          <fieldset class="plain-group">
            <legend class="spoken">Split</legend>
            {SPLITS.map(([value, title]) => (
              <button
                key={value}
                type="button"
                aria-pressed={split === value}
                onClick={() => setParams({ split: value === 'TRAIN' ? null : value })}
              >
                {title}
              </button>
            ))}
          </fieldset>
          <button type="button" onClick={() => setParams({ seed: String(otherSeed()) })}>
            Others
          </button>
        </>
      }
    >
      {error !== null && <Failure error={error} />}
      <ul class="samples" aria-label={`Pictures of ${name}`}>
        {(samples ?? []).map(({ index, label, image }) => (
          <li key={index} class="small">
            <img class="pixelated" src={image} alt="" width="96" height="96" />
            {label} <span class="muted">{index}</span>
          </li>
        ))}
      </ul>
      <p class="small">
        <a href={`/predict?seed=${seed}`}>Show some test pictures to a model</a>
      </p>
    </Panel>
  )
}

const CLASSES = graphql(`
  query Classes {
    datasets { name classes digest classCounts { label train test } }
  }
`)
