import { useEffect, useState } from 'preact/hooks'
import { ClassCounts } from '../data/class-counts.tsx'
import { DATASET_PAGE, DATASETS_CHANGED, type Whole } from '../data/documents.ts'
import { type Edits, NO_EDITS } from '../data/edits.ts'
import { Findings, LeakWarning } from '../data/findings.tsx'
import { addressOf, useLive } from '../data/live.ts'
import { NextVersion } from '../data/next-version.tsx'
import { Pictures } from '../data/pictures.tsx'
import { sizeText } from '../data/size.ts'
import { State } from '../data/state.tsx'
import { Versions } from '../data/versions.tsx'
import { bytes, count } from '../format.ts'
import { useQuery } from '../live/query.ts'
import { useStream } from '../live/stream.ts'
import { Failure } from '../parts/failure.tsx'
import { Figures } from '../parts/figures.tsx'
import { Panel } from '../parts/panel.tsx'
import { useTitle } from '../parts/title.ts'
import '../data/data.css'

/** One data set, or one version of it: whether it is here, what classes it has, and what its pictures look like. */
export default function DatasetPage({ name }: { name: string }) {
  useTitle(name)
  const { data, error, refresh } = useQuery(DATASET_PAGE, { name })
  const dataset = data?.dataset
  useStream(DATASETS_CHANGED, {}, ({ datasetsChanged: changed }) => {
    const known = dataset?.versions.find(({ reference }) => reference === changed.reference)
    if (changed.name === dataset?.name && changed.state !== known?.state) refresh()
  })
  if (data === null) return error === null ? null : <Failure error={error} />
  if (dataset == null) {
    return (
      <div class="empty">
        <h1>There is no data set {name}.</h1>
        <a class="button" href="/data">
          All data sets
        </a>
      </div>
    )
  }
  return <Shown key={dataset.reference} asked={dataset} onOther={refresh} />
}

function Shown({ asked, onOther }: { asked: Whole; onOther: () => void }) {
  const dataset = useLive(asked)
  const [edits, setEdits] = useState<Edits>(NO_EDITS)
  const { id, name, reference, version, classes, state } = dataset
  // What was asked for is of another state than what is heard: the rest of the page is old.
  useEffect(() => {
    if (state !== asked.state) onOther()
  }, [state, asked.state])
  const { import: job } = asked
  const isReady = state === 'READY' && asked.state === 'READY'
  return (
    <>
      <div>
        <p class="small">
          <a href="/data">Data</a>
        </p>
        <h1>
          {name} {version !== null && <span class="muted">version {version}</span>}
        </h1>
      </div>
      <State dataset={dataset} />
      {isReady && job !== null && <LeakWarning counts={job.findingCounts} />}
      {classes.length > 0 && <Facts dataset={dataset} />}
      {isReady && (
        <div class="row">
          <a class="button primary" href={`/new?${new URLSearchParams({ dataset: reference })}`}>
            Train a network on it
          </a>
        </div>
      )}
      {classes.length > 0 && (
        <Panel title="Classes" query={{ text: DATASET_PAGE, variables: { name: reference } }}>
          <ClassCounts dataset={asked} edits={isReady ? edits : null} onEdit={setEdits} />
          <datalist id="known-classes">
            {classes.map((label) => (
              <option key={label} value={label} />
            ))}
          </datalist>
        </Panel>
      )}
      {isReady && <Pictures dataset={asked} edits={edits} onEdit={setEdits} />}
      {job !== null && (
        <Findings
          id={id}
          counts={job.findingCounts}
          age={`${state} ${dataset.import?.phase} ${dataset.import?.done}`}
        />
      )}
      {isReady && <NextVersion dataset={asked} edits={edits} onEdit={setEdits} />}
      {job !== null && <Versions dataset={asked} />}
      {isReady && <Provenance dataset={asked} />}
    </>
  )
}

function Facts({ dataset }: { dataset: Pick<Whole, 'trainCount' | 'testCount' | 'classes' | 'imageShape'> }) {
  const { trainCount, testCount, classes, imageShape } = dataset
  return (
    <Figures
      of={[
        ['Training images', count(trainCount)],
        ['Test images', count(testCount)],
        ['Classes', count(classes.length)],
        ['Image', imageShape.join(' × ')],
      ]}
    />
  )
}

const RULES = { COVER: 'filled, and cut', CONTAIN: 'contained, with black around', STRETCH: 'stretched' }

/** How its images came to be what they are. */
function Provenance({ dataset }: { dataset: Whole }) {
  const { digest, normalization, import: job, parent } = dataset
  const numbers = (values: readonly number[]) => values.map((value) => value.toFixed(3)).join(', ')
  return (
    <Panel title="What it is made of" query={{ text: DATASET_PAGE, variables: { name: dataset.reference } }}>
      <Figures
        of={[
          ['Mean of R, G, B', numbers(normalization.mean)],
          ['Standard deviation', numbers(normalization.std)],
          ...(job === null
            ? []
            : ([
                ['Given', job.origin],
                ...(job.layout === null ? [] : [['Layout', job.layout] as const]),
                ['Files looked at', count(job.files)],
                ...(job.smallest === null || job.largest === null
                  ? []
                  : ([
                      ['Smallest picture', sizeText(job.smallest)],
                      ['Largest picture', sizeText(job.largest)],
                    ] as const)),
                ['Scaled to', `${sizeText(job.settings.size)}, ${RULES[job.settings.resize]}`],
                ['For testing', `${(100 * job.settings.testShare).toFixed(0)} %, seed ${job.settings.seed}`],
                ['File', bytes(dataset.bytes)],
              ] as const)),
        ]}
      />
      {parent !== null && (
        <p class="small">
          Made of <a href={addressOf(parent.reference)}>{parent.reference}</a>
        </p>
      )}
      {digest !== null && (
        <p class="small muted">
          sha256 of all images and labels <code>{digest}</code>
        </p>
      )}
    </Panel>
  )
}
