import { DATASETS, DATASETS_CHANGED, type Listed } from '../data/documents.ts'
import { addressOf, isUnderWay, useLive } from '../data/live.ts'
import { NewDataset } from '../data/new-dataset.tsx'
import { State } from '../data/state.tsx'
import { count } from '../format.ts'
import { useQuery } from '../live/query.ts'
import { useStream } from '../live/stream.ts'
import { Failure } from '../parts/failure.tsx'
import { Figures } from '../parts/figures.tsx'
import { useTitle } from '../parts/title.ts'
import '../data/data.css'

/** What networks can learn from. */
export default function Data() {
  useTitle('Data')
  const { data, error, refresh } = useQuery(DATASETS, {})
  useStream(DATASETS_CHANGED, {}, ({ datasetsChanged: { name, reference, state } }) => {
    const versions = data?.datasets.find((dataset) => dataset.name === name)?.versions
    // How far one is, its own card hears.
    if (versions?.find((version) => version.reference === reference)?.state !== state) refresh()
  })
  if (data === null) return error === null ? null : <Failure error={error} />
  return (
    <>
      <h1>Data</h1>
      <NewDataset taken={data.datasets.map(({ name }) => name)} />
      {data.datasets.map((dataset) => (
        <Card key={dataset.reference} asked={dataset} />
      ))}
    </>
  )
}

function Card({ asked }: { asked: Listed }) {
  const dataset = useLive(asked, isUnderWay(asked))
  const { name, reference, version, trainCount, testCount, classes, imageShape } = dataset
  const next = asked.versions.filter((each) => each.state === 'IMPORTING' && each.reference !== reference)
  return (
    <section class="panel" aria-label={`Data set ${name}`}>
      <h2>
        <a href={addressOf(version === null ? name : reference)}>{name}</a>{' '}
        {version !== null && <span class="small muted">version {version}</span>}
      </h2>
      {classes.length > 0 && (
        <Figures
          of={[
            ['Training images', count(trainCount)],
            ['Test images', count(testCount)],
            ['Classes', count(classes.length)],
            ['Image', imageShape.join(' × ')],
          ]}
        />
      )}
      <State dataset={dataset} />
      {next.map((each) => (
        <p key={each.reference} class="small">
          <a href={addressOf(each.reference)}>Version {each.version}</a> is being made.
        </p>
      ))}
    </section>
  )
}
