import { bytes, words } from '../format.ts'
import { expectMember, useDoing } from '../live/mutate.ts'
import { Failure } from '../parts/failure.tsx'
import { type Dataset, PREPARE } from './documents.ts'
import { Fetching } from './fetching.tsx'
import { ImportState } from './import-state.tsx'

/** Whether a data set is here, and what brings it here. */
export function State({ dataset }: { dataset: Dataset }) {
  const { import: job } = dataset
  return job === null ? <Given dataset={dataset} /> : <ImportState dataset={dataset} job={job} />
}

/** Of a data set that the server itself has. */
function Given({ dataset }: { dataset: Dataset }) {
  const { name, state, error, source, downloadBytes } = dataset
  const doing = useDoing()
  const fetch = () =>
    doing.run(async (client) => {
      const { prepareDataset } = await client.mutate(PREPARE, { name })
      return expectMember(prepareDataset, 'Dataset')
    })
  return (
    <div class="stack">
      <div class="row">
        <span class={`dataset-state ${state}`}>{words(state)}</span>
        {source !== null && (
          <span class="small muted">
            {state === 'FETCHING' ? 'coming' : 'came'} from {source}
          </span>
        )}
        {(state === 'MISSING' || state === 'FAILED') && (
          <>
            <button type="button" class="primary" disabled={doing.asked} onClick={() => void fetch()}>
              {state === 'FAILED' ? 'Fetch it again' : 'Fetch it'}
            </button>
            {downloadBytes !== null && <span class="small muted">downloads {bytes(downloadBytes)}</span>}
          </>
        )}
      </div>
      {state === 'FETCHING' && <Fetching dataset={dataset} />}
      {error !== null && <Failure error={error} />}
      {doing.error !== null && <Failure error={doing.error} />}
    </div>
  )
}
