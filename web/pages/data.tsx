import { useDatasets } from '../data/datasets.ts'
import { State } from '../data/state.tsx'
import { count } from '../format.ts'
import { Failure } from '../parts/failure.tsx'
import { Figures } from '../parts/figures.tsx'
import { useTitle } from '../parts/title.ts'
import '../data/data.css'

/** What networks can learn from. */
export default function Data() {
  useTitle('Data')
  const { data, error, refresh } = useDatasets()
  if (data === null) return error === null ? null : <Failure error={error} />
  return (
    <>
      <h1>Data</h1>
      {data.datasets.map((dataset) => (
        <section key={dataset.name} class="panel" aria-label={`Data set ${dataset.name}`}>
          <h2>
            <a href={`/data/${encodeURIComponent(dataset.name)}`}>{dataset.name}</a>
          </h2>
          <Figures
            of={[
              ['Training images', count(dataset.trainCount)],
              ['Test images', count(dataset.testCount)],
              ['Classes', dataset.classes.length],
              ['Image', dataset.imageShape.join(' × ')],
            ]}
          />
          <State dataset={dataset} onAsked={refresh} />
        </section>
      ))}
    </>
  )
}
