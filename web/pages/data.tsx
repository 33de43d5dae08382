import { DATASETS, type Dataset } from '../data/documents.ts'
import { useLive } from '../data/live.ts'
import { State } from '../data/state.tsx'
import { count } from '../format.ts'
import { useQuery } from '../live/query.ts'
import { Failure } from '../parts/failure.tsx'
import { Figures } from '../parts/figures.tsx'
import { useTitle } from '../parts/title.ts'
import '../data/data.css'

/** What networks can learn from. */
export default function Data() {
  useTitle('Data')
  const { data, error } = useQuery(DATASETS, {})
  if (data === null) return error === null ? null : <Failure error={error} />
  return (
    <>
      <h1>Data</h1>
      {data.datasets.map((dataset) => (
        <Card key={dataset.name} asked={dataset} />
      ))}
    </>
  )
}

function Card({ asked }: { asked: Dataset }) {
  const dataset = useLive(asked)
  const { name, trainCount, testCount, classes, imageShape } = dataset
  return (
    <section class="panel" aria-label={`Data set ${name}`}>
      <h2>
        <a href={`/data/${encodeURIComponent(name)}`}>{name}</a>
      </h2>
      <Figures
        of={[
          ['Training images', count(trainCount)],
          ['Test images', count(testCount)],
          ['Classes', classes.length],
          ['Image', imageShape.join(' × ')],
        ]}
      />
      <State dataset={dataset} />
    </section>
  )
}
