import { useMemo, useRef } from 'preact/hooks'
import { AddRun, SEARCH } from '../compare/add-run.tsx'
import { ComparedCharts } from '../compare/charts.tsx'
import { COMPARISON, type Comparison, useRunsNumbered } from '../compare/comparison.ts'
import { labelOf } from '../compare/curves.ts'
import { Outcomes } from '../compare/tables.tsx'
import { useQuery } from '../live/query.ts'
import { cardOf, type RunCard, useCards, useRunsChanged } from '../live/runs-changed.ts'
import { Failure } from '../parts/failure.tsx'
import { Panel } from '../parts/panel.tsx'
import { useTitle } from '../parts/title.ts'
import { params, setParams } from '../router.ts'
import { Confusion } from '../run/confusion.tsx'
import { MAX_SELECTED, numbersOf } from '../runs/view.ts'
import '../compare/compare.css'
import '../run/run.css'

/** Runs side by side: what differs beside the curves, then what came of it. */
export default function Compare() {
  useTitle('Compare')
  const numbers = numbersOf(params.value.get('runs'), MAX_SELECTED)
  const { runs: named, error } = useRunsNumbered(numbers)
  const show = (next: readonly number[]) => setParams({ runs: next.join(',') || null })
  const missing = numbers.filter((_number, i) => named[i] === null)
  const ids = named.flatMap((run) => run?.id ?? [])
  const isKnown = !named.includes(undefined)
  return (
    <>
      <h1>Compare</h1>
      {error !== null && <Failure error={error} />}
      {missing.map((number) => (
        <div key={number} class="error row spread">
          <span>There is no run #{number}.</span>
          <button type="button" onClick={() => show(numbers.filter((one) => one !== number))}>
            Go on without it
          </button>
        </div>
      ))}
      {isKnown && ids.length > 1 && (
        <Compared ids={ids} onRemove={(number) => show(numbers.filter((one) => one !== number))} />
      )}
      {isKnown && ids.length < 2 && (
        <p>
          {ids.length === 1
            ? `Choose what #${named.find((run) => run != null)!.number} is compared with.`
            : 'Two runs or more are compared: their settings, their curves, and which classes each confuses.'}
        </p>
      )}
      {numbers.length < MAX_SELECTED && (
        <Panel title="Add a run" query={{ text: SEARCH, variables: { search: null } }}>
          <AddRun numbers={numbers} onAdd={(number) => show([...numbers, number])} />
        </Panel>
      )}
    </>
  )
}

interface Props {
  ids: readonly string[]
  onRemove: (number: number) => void
}

function Compared({ ids, onRemove }: Props) {
  const { data, error, refresh } = useQuery(COMPARISON, { ids: [...ids] })
  const answer = data?.compareTrainingRuns
  const comparison = answer?.__typename === 'RunComparison' ? answer : null
  useCards(data, comparison?.runs ?? [])
  const drawn = useRef<{ runs: readonly RunCard[]; places: string }>({ runs: [], places: '' })
  useMemo(() => {
    const runs = comparison?.runs ?? []
    drawn.current = { runs, places: placesOf(runs) }
  }, [data])
  useRunsChanged((change) => {
    if (document.visibilityState === 'hidden') return
    const { runs, places } = drawn.current
    // Other runs than these may have changed.
    if (change === 'list' || placesOf(runs) !== places) refresh()
  })
  if (answer === undefined) return error === null ? null : <Failure error={error} />
  if (comparison === null) return <Failure error={'message' in answer ? answer.message : answer.__typename} />
  return (
    <>
      {error !== null && <Failure error={error} />}
      <ComparedCharts of={comparison} ids={ids} />
      <Outcomes of={comparison} onRemove={onRemove} />
      <Matrices of={comparison} />
    </>
  )
}

/** How far runs are: another text when one of them is further. */
function placesOf(runs: readonly RunCard[]): string {
  const places = runs.map((run) => {
    const { status, progress } = cardOf(run).peek()
    return [status, progress.step]
  })
  return JSON.stringify(places)
}

function Matrices({ of: { runs, figures } }: { of: Comparison }) {
  return (
    <div class="matrices">
      {figures.map(({ evaluation }, i) => {
        const run = runs[i]!
        return evaluation === null ? null : (
          <Confusion
            key={run.id}
            id={run.id}
            title={`Confusion of ${labelOf(run)}`}
            evaluation={evaluation}
            classes={run.dataset.classes}
          />
        )
      })}
    </div>
  )
}
