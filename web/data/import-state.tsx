import { count, counted, words } from '../format.ts'
import { expectMember, useDoing } from '../live/mutate.ts'
import { Failure } from '../parts/failure.tsx'
import { CANCEL_IMPORT, type Dataset, RETRY_IMPORT } from './documents.ts'

type Job = NonNullable<Dataset['import']>

const PHASES: Record<NonNullable<Job['phase']>, string> = {
  UNPACKING: 'Unpacks the archive',
  READING: 'Reads and scales pictures',
  WRITING: 'Writes the images',
}

/** Whether a version of a data set that a person made is there, and how far its import is. */
export function ImportState({ dataset, job }: { dataset: Dataset; job: Job }) {
  const { reference, state, error } = dataset
  const isWaiting = job.state === 'QUEUED'
  const doing = useDoing()
  const cancel = () =>
    doing.run(async (client) => {
      const { cancelDatasetImport } = await client.mutate(CANCEL_IMPORT, { name: reference })
      return expectMember(cancelDatasetImport, 'Dataset')
    })
  const retry = () =>
    doing.run(async (client) => {
      const { retryDatasetImport } = await client.mutate(RETRY_IMPORT, { name: reference })
      return expectMember(retryDatasetImport, 'Dataset')
    })
  return (
    <div class="stack">
      <div class="row">
        <span class={`dataset-state ${state}`}>{isWaiting ? 'waiting' : words(state)}</span>
        <span class="small muted">
          {state === 'IMPORTING' ? 'being made' : 'made'} of {job.origin}
        </span>
        {state === 'IMPORTING' && (
          <button type="button" disabled={doing.asked} onClick={() => void cancel()}>
            Cancel
            <span class="spoken"> the import of {reference}</span>
          </button>
        )}
      </div>
      {state === 'IMPORTING' && (
        <>
          <progress
            value={job.phase === null ? undefined : job.progress}
            max={1}
            aria-label={`Import of ${reference}`}
          />
          <p class="small muted">{phaseText(job)}</p>
        </>
      )}
      {state === 'FAILED' && (
        <>
          <Failure error={job.error ?? error ?? 'It is not known why.'} />
          {job.canRetry ? (
            <div class="row">
              <button type="button" class="primary" disabled={doing.asked} onClick={() => void retry()}>
                Try again
              </button>
              <button type="button" disabled={doing.asked} onClick={() => void cancel()}>
                Give it up
                <span class="spoken"> and free what was sent for {reference}</span>
              </button>
            </div>
          ) : (
            <p class="small">
              Nothing of it was kept. <a href="/data">Give the pictures again</a> when that is mended.
            </p>
          )}
        </>
      )}
      {state === 'CANCELLED' && (
        <p class="small">
          Nothing of it was kept. <a href="/data">Give the pictures again</a> if you want it after all.
        </p>
      )}
      {state === 'MISSING' && error !== null && <Failure error={error} />}
      {doing.error !== null && <Failure error={doing.error} />}
    </div>
  )
}

function phaseText({ state, phase, done, total, ahead }: Job): string {
  if (state === 'QUEUED') {
    return ahead === null || ahead === 0
      ? 'It is next.'
      : `Waits until ${counted(ahead, 'import')} before it ${ahead === 1 ? 'is' : 'are'} done.`
  }
  if (phase === null) return 'Begins…'
  if (total !== null) return `${PHASES[phase]}: ${count(done)} of ${count(total)}`
  return done === null || done === 0 ? `${PHASES[phase]}…` : `${PHASES[phase]}: ${count(done)}`
}
