import { useState } from 'preact/hooks'
import { graphql, type ResultOf } from '../../src/client/graphql.ts'
import { Fetching } from '../data/fetching.tsx'
import { useStream } from '../live/stream.ts'

const FETCH = graphql(`
  subscription FetchOfDataset($name: String!) {
    datasetChanged(name: $name) { name state fetch { phase bytes totalBytes } }
  }
`)

/** What a run does before it trains: its data set comes first, which may take minutes where it is not there yet. */
export function Preparing({ dataset: name }: { dataset: string }) {
  const [dataset, setDataset] = useState<ResultOf<typeof FETCH>['datasetChanged'] | null>(null)
  useStream(FETCH, { name }, ({ datasetChanged }) => setDataset(datasetChanged))
  if (dataset?.state !== 'FETCHING')
    return 'The trainer starts: it loads the engine, the data set and the network.'
  return (
    <div class="stack">
      <p>Fetches the data set {name}, once for all runs.</p>
      <Fetching dataset={dataset} />
    </div>
  )
}
