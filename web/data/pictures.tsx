import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { counted } from '../format.ts'
import { useQuery } from '../live/query.ts'
import { Failure } from '../parts/failure.tsx'
import { Panel, type PanelQuery } from '../parts/panel.tsx'
import { params, setParams } from '../router.ts'
import { CLASS_PICTURES, SAMPLES, type Whole } from './documents.ts'
import { type Edits, editImages, keyOf, type Place } from './edits.ts'
import { Pager } from './pager.tsx'
import { usePages } from './pages-of.ts'
import { PictureGrid } from './picture-grid.tsx'
import { otherSeed, readSeed, type Split, samplesOf, scaleOf, useSamples } from './samples.ts'

const SHOWN = 60
const SPLITS: readonly [Split, string][] = [
  ['TRAIN', 'Training'],
  ['TEST', 'Test'],
]

interface Props {
  dataset: Pick<Whole, 'id' | 'name' | 'classes' | 'imageShape'>
  /** What is to change; null where nothing can. */
  edits: Edits | null
  onEdit: (edits: Edits) => void
}

/** What its pictures look like: some by chance, or those of a class. The address says which. */
export function Pictures(props: Props) {
  const label = params.value.get('class')
  return label !== null && props.dataset.classes.includes(label) ? (
    <OfClass key={label} {...props} label={label} />
  ) : (
    <Samples {...props} />
  )
}

function readSplit(): Split {
  return params.value.get('split') === 'TEST' ? 'TEST' : 'TRAIN'
}

function Samples({ dataset, edits, onEdit }: Props) {
  const { id, name, imageShape } = dataset
  const seed = readSeed(params.value.get('seed')) ?? 0
  const asked = { id, count: SHOWN, seed, split: readSplit(), imageShape }
  const { samples, error } = useSamples(asked)
  return (
    <Shown
      title="Samples"
      label={`Pictures of ${name}`}
      query={{ text: SAMPLES, variables: samplesOf(asked) }}
      pictures={samples}
      error={error}
      edits={edits}
      onEdit={onEdit}
      tools={
        <button type="button" onClick={() => setParams({ seed: String(otherSeed()) })}>
          Others
        </button>
      }
    >
      <p class="small">
        <a href={`/predict?seed=${seed}`}>Show some test pictures to a model</a>
      </p>
    </Shown>
  )
}

function OfClass({ dataset, label, edits, onEdit }: Props & { label: string }) {
  const split = readSplit()
  const pages = usePages(`${dataset.id} ${split} ${label}`)
  const asked = {
    id: dataset.id,
    split,
    class: label,
    first: SHOWN,
    after: pages.after,
    scale: scaleOf(dataset.imageShape),
  }
  const { data, error } = useQuery(CLASS_PICTURES, asked)
  const images = data?.node?.__typename === 'Dataset' ? data.node.images : null
  return (
    <Shown
      title={`Pictures of ${label}`}
      label={`Pictures of the class ${label}`}
      query={{ text: CLASS_PICTURES, variables: asked }}
      pictures={images?.edges.map(({ node }) => node) ?? null}
      error={error}
      edits={edits}
      onEdit={onEdit}
      tools={
        <button type="button" onClick={() => setParams({ class: null })}>
          All classes
        </button>
      }
    >
      {images !== null && images.totalCount === 0 && (
        <p class="small muted">None of its pictures is in this split.</p>
      )}
      {images !== null && (
        <Pager
          of={label}
          pages={pages}
          total={images.totalCount}
          size={SHOWN}
          next={images.pageInfo.hasNextPage ? (images.pageInfo.endCursor ?? null) : null}
        />
      )}
    </Shown>
  )
}

interface ShownProps {
  title: string
  label: string
  query: PanelQuery
  pictures: readonly { index: number; label: string; image: string }[] | null
  error: Error | null
  edits: Edits | null
  onEdit: (edits: Edits) => void
  tools: ComponentChildren
  children: ComponentChildren
}

function Shown({ title, label, query, pictures, error, edits, onEdit, tools, children }: ShownProps) {
  const split = readSplit()
  const [picks, setPicks] = useState<ReadonlyMap<string, Place>>(new Map())
  const pick = (place: Place) => {
    const next = new Map(picks)
    const key = keyOf(place)
    if (!next.delete(key)) next.set(key, { split: place.split, index: place.index, label: place.label })
    setPicks(next)
  }
  return (
    <Panel
      title={title}
      anchor="pictures"
      query={query}
      tools={
        <>
          <fieldset class="plain-group">
            <legend class="spoken">Split</legend>
            {SPLITS.map(([value, name]) => (
              <button
                key={value}
                type="button"
                aria-pressed={split === value}
                onClick={() => setParams({ split: value === 'TRAIN' ? null : value })}
              >
                {name}
              </button>
            ))}
          </fieldset>
          {tools}
        </>
      }
    >
      {error !== null && <Failure error={error} />}
      {edits !== null && (
        <Picked
          picks={picks}
          onChange={(to) => {
            onEdit(editImages(edits, picks.values(), to))
            setPicks(new Map())
          }}
          onNone={() => setPicks(new Map())}
        />
      )}
      <PictureGrid
        label={label}
        pictures={(pictures ?? []).map((picture) => ({ ...picture, split }))}
        picked={edits === null ? null : new Set(picks.keys())}
        edits={edits}
        onPick={pick}
      />
      {children}
    </Panel>
  )
}

/** What can be done with the pictures that are picked. */
function Picked({
  picks,
  onChange,
  onNone,
}: {
  picks: ReadonlyMap<string, Place>
  /** @param label their class from then on; null leaves them out */
  onChange: (label: string | null) => void
  onNone: () => void
}) {
  const [label, setLabel] = useState('')
  if (picks.size === 0) {
    return <p class="small muted">Pick pictures to give them another class, or to leave them out.</p>
  }
  return (
    <form
      class="row picked"
      onSubmit={(event) => {
        event.preventDefault()
        onChange(label.trim())
      }}
    >
      <span role="status">{counted(picks.size, 'picture')} picked</span>
      <input
        aria-label="Class that they are of"
        placeholder="another class"
        list="known-classes"
        required
        value={label}
        onInput={(event) => setLabel(event.currentTarget.value)}
      />
      <button type="submit">Relabel</button>
      <button type="button" onClick={() => onChange(null)}>
        Leave out
      </button>
      <button type="button" class="quiet" onClick={onNone}>
        Pick none
      </button>
    </form>
  )
}
