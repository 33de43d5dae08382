import { useMemo, useRef } from 'preact/hooks'
import { Chart } from '../chart/chart.tsx'
import type { Range } from '../chart/model.ts'
import { AddRun } from '../compare/add-run.tsx'
import { COMPARISON, type Comparison, useRunsNumbered } from '../compare/comparison.ts'
import { epochCurves, labelOf, lossCurves } from '../compare/curves.ts'
import { Differences, Outcomes } from '../compare/tables.tsx'
import { count, loss, percent } from '../format.ts'
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
            : 'Two runs or more are compared: their settings, their curves, and what each takes for what.'}
        </p>
      )}
      {numbers.length < MAX_SELECTED && (
        <Panel title="Add a run">
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
  const axis = params.value.get('axis') === 'images' ? 'IMAGES' : 'EPOCHS'
  const { data, error, refresh } = useQuery(COMPARISON, { ids: [...ids], axis })
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
      <div class="beside">
        <Losses of={comparison} axis={axis} />
        <Differences of={comparison} />
      </div>
      <Outcomes of={comparison} onRemove={onRemove} />
      <Epochs of={comparison} />
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

function Losses({ of: comparison, axis }: { of: Comparison; axis: 'EPOCHS' | 'IMAGES' }) {
  const curves = useMemo(() => lossCurves(comparison), [comparison])
  const isLogarithmic = params.value.get('y') === 'log'
  const range = rangeOf(params.value)
  const look = (next: Range | null) => setParams({ from: textOf(next?.from), to: textOf(next?.to) })
  return (
    <Panel
      title="Training loss"
      tools={
        <div class="row small">
          {range !== null && (
            <button type="button" class="primary" onClick={() => look(null)}>
              Follow
            </button>
          )}
          <label class="row">
            Over
            <select
              value={axis}
              onChange={(event) => {
                const isImages = event.currentTarget.value === 'IMAGES'
                setParams({ axis: isImages ? 'images' : null, from: null, to: null })
              }}
            >
              <option value="EPOCHS">epochs</option>
              <option value="IMAGES">images</option>
            </select>
          </label>
          <button
            type="button"
            aria-pressed={isLogarithmic}
            onClick={() => setParams({ y: isLogarithmic ? null : 'log' })}
          >
            log
          </button>
        </div>
      }
    >
      {curves.xs.length === 0 ? (
        <div class="waiting muted" style={{ minHeight: '300px' }}>
          None of them has logged a loss yet.
        </div>
      ) : (
        <Chart
          label="Training loss of the runs"
          xLabel={axis === 'IMAGES' ? 'images' : 'epoch'}
          format={loss}
          formatX={axis === 'IMAGES' ? count : (epoch) => epoch.toFixed(2)}
          height={340}
          logarithmic={isLogarithmic}
          range={range}
          onRange={look}
          {...curves}
        />
      )}
    </Panel>
  )
}

function rangeOf(query: URLSearchParams): Range | null {
  const [from, to] = [Number(query.get('from') ?? Number.NaN), Number(query.get('to') ?? Number.NaN)]
  return from < to ? { from, to } : null
}

function textOf(value: number | undefined): string | null {
  return value === undefined ? null : String(Number(value.toPrecision(7)))
}

function Epochs({ of: comparison }: { of: Comparison }) {
  const accuracies = useMemo(() => epochCurves(comparison, 'testAccuracy'), [comparison])
  const losses = useMemo(() => epochCurves(comparison, 'testLoss'), [comparison])
  if (comparison.epochs.length === 0) return null
  return (
    <Panel title="Epochs">
      <div class="columns">
        <Chart
          label="Test accuracy of the runs"
          xLabel="epoch"
          format={percent}
          height={240}
          cursor="compared"
          {...accuracies}
        />
        <Chart
          label="Test loss of the runs"
          xLabel="epoch"
          format={loss}
          height={240}
          cursor="compared"
          {...losses}
        />
      </div>
    </Panel>
  )
}

function Matrices({ of: { runs, figures } }: { of: Comparison }) {
  return (
    <div class="matrices">
      {figures.map(({ evaluation }, i) => {
        const run = runs[i]!
        return evaluation === null ? null : (
          <Confusion
            key={run.id}
            title={`Confusion of ${labelOf(run)}`}
            evaluation={evaluation}
            classes={run.dataset.classes}
          />
        )
      })}
    </div>
  )
}
