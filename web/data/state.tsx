import { percent, words } from '../format.ts'
import { expectMember, useDoing } from '../live/mutate.ts'
import { Failure } from '../parts/failure.tsx'
import { type Dataset, PREPARE } from './documents.ts'

/** Whether a data set is here, and what brings it here. */
export function State({ dataset, onAsked }: { dataset: Dataset; onAsked: () => void }) {
  const { name, state, progress, error, source } = dataset
  const doing = useDoing()
  const fetch = async () => {
    await doing.run(async (client) => {
      const { prepareDataset } = await client.mutate(PREPARE, { name })
      return expectMember(prepareDataset, 'Dataset')
    })
    onAsked()
  }
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
          <button type="button" class="primary" disabled={doing.asked} onClick={() => void fetch()}>
            {state === 'FAILED' ? 'Fetch it again' : 'Fetch it'}
          </button>
        )}
      </div>
      {state === 'FETCHING' && (
        <>
          <progress value={progress} max={1} aria-label={`Progress of ${name}`} />
          <p class="small muted">{percent(progress, 0)}</p>
        </>
      )}
      {error !== null && <Failure error={error} />}
      {doing.error !== null && <Failure error={doing.error} />}
    </div>
  )
}
