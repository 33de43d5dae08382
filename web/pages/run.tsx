import { duration, loss, moment, percent } from '../format.ts'
import { useBuckets } from '../live/buckets.ts'
import { useEvents } from '../live/events.ts'
import { useQuery } from '../live/query.ts'
import { cardOf, useCards, useRunsChanged } from '../live/runs-changed.ts'
import { Failure } from '../parts/failure.tsx'
import { Figures } from '../parts/figures.tsx'
import { useProgressIcon } from '../parts/icon.ts'
import { late } from '../parts/late.tsx'
import { RunProgress } from '../parts/run-progress.tsx'
import { useTitle } from '../parts/title.ts'
import { predictAddress } from '../predict/address.ts'
import { numberOf } from '../router.ts'
import { Below } from '../run/below.tsx'
import { Change } from '../run/change.tsx'
import { Charts } from '../run/charts.tsx'
import { Checkpoints } from '../run/checkpoints.tsx'
import { Confusion } from '../run/confusion.tsx'
import { Contents } from '../run/contents.tsx'
import { Controls } from '../run/controls.tsx'
import { type Details, RUN_DETAILS } from '../run/details.ts'
import { shareOf, titleOf } from '../run/ending.ts'
import { Heading } from '../run/heading.tsx'
import { Mistakes } from '../run/mistakes.tsx'
import { Notify } from '../run/notify.tsx'
import { Output } from '../run/output.tsx'
import { Pinned } from '../run/pinned.tsx'
import '../run/run.css'

const Settings = late(async () => (await import('../run/settings.tsx')).Settings)

/** One run, from its curve down to what it was made of: sections of one page. */
export default function RunPage({ number }: { number: string }) {
  const asked = numberOf(number)
  const { data, error, refresh } = useQuery(RUN_DETAILS, asked === null ? null : { number: asked })
  const run = data?.trainingRun ?? null
  useCards(data, run === null ? [] : [run])
  useRunsChanged(() => {})
  useEvents(run, refresh)
  const shown = run === null ? null : cardOf(run).value
  useTitle(shown === null ? `Run ${number}` : titleOf(shown))
  useProgressIcon(shown === null ? null : shareOf(shown))
  if (asked === null || (data !== null && run === null))
    return (
      <div class="empty">
        <h1>There is no run #{number}.</h1>
        <a class="button" href="/runs">
          All runs
        </a>
      </div>
    )
  if (run === null) return error === null ? null : <Failure error={error} />
  return <Run run={run} refresh={refresh} />
}

function Run({ run, refresh }: { run: Details; refresh: () => void }) {
  const card = cardOf(run).value
  const last = run.epochs.at(-1)
  const best = bestOf(run)
  const version = run.modelVersions.at(-1)
  const [accuracy, balanced] = [run.evaluation?.accuracy, run.evaluation?.balancedAccuracy].map(percent)
  const losses = useBuckets(run.id)
  return (
    <>
      <Heading run={run} card={card} onRenamed={refresh} />
      {run.failure !== null && <Failed failure={run.failure} />}
      <RunProgress run={card} />
      <Controls run={card} aside={<Notify run={card} />}>
        {version !== undefined && (
          <a class="button primary" href={predictAddress(version.model.name, version.version)}>
            Show it a picture
          </a>
        )}
      </Controls>
      <Change run={run} card={card} />
      <Figures
        of={[
          ['Best test accuracy', percent(best?.testAccuracy)],
          // Of classes with as many test images each it is the same.
          ...(balanced === accuracy ? [] : [['Balanced accuracy', balanced] as const]),
          ['Test loss', loss(last?.testLoss)],
          ['Training loss', loss(last?.trainLoss)],
          ['Last epoch took', duration(last?.seconds)],
          ['Started', moment(run.startedAt)],
          ['Engine', run.engine?.kind.toLowerCase() ?? '–'],
        ]}
      />
      <Contents run={run} />
      <Charts run={run} losses={losses}>
        <Below losses={losses}>
          <Pinned id={run.id} epochs={run.epochs.length} />
        </Below>
      </Charts>
      <Below losses={losses}>
        {run.evaluation !== null && (
          <Confusion
            anchor="confusion"
            id={run.id}
            evaluation={run.evaluation}
            classes={run.dataset.classes}
          />
        )}
        {run.evaluation !== null && <Mistakes id={run.id} />}
        <Checkpoints run={run} />
        <Output id={run.id} />
        <Settings run={run} />
      </Below>
    </>
  )
}

function Failed({ failure }: { failure: NonNullable<Details['failure']> }) {
  const { code, message, step, layer } = failure
  const where = [step !== null && `step ${step}`, layer !== null && `layer ${layer}`]
    .filter(Boolean)
    .join(', ')
  return (
    <div class="error">
      <strong>{code.toLowerCase().replaceAll('_', ' ')}</strong>
      {where !== '' && ` (${where})`}: {message}
    </div>
  )
}

function bestOf({ epochs }: Details): Details['epochs'][number] | undefined {
  return epochs.reduce<Details['epochs'][number] | undefined>(
    (best, epoch) =>
      epoch.testAccuracy !== null && epoch.testAccuracy > (best?.testAccuracy ?? -1) ? epoch : best,
    undefined,
  )
}
