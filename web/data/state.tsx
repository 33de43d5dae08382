import { bytes, words } from '../format.ts'
import { expectMember, useDoing } from '../live/mutate.ts'
import { Failure } from '../parts/failure.tsx'
import { type Dataset, PREPARE } from './documents.ts'
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

/** How far its fetch is. */
export function Fetching({ dataset: { name, fetch } }: { dataset: Pick<Dataset, 'name' | 'fetch'> }) {
  const isKnown = fetch !== null && fetch.totalBytes > 0
  return (
    <>
      <progress
        value={isKnown ? fetch.bytes : undefined}
        max={isKnown ? fetch.totalBytes : 1}
        aria-label={`Progress of ${name}`}
      />
      {fetch !== null && (
        <p class="small muted">
          {words(fetch.phase)}: {bytes(fetch.bytes)}
          {fetch.totalBytes > 0 && ` of ${bytes(fetch.totalBytes)}`}
        </p>
      )}
    </>
  )
}
