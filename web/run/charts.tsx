import { useMemo } from 'preact/hooks'
import { Chart } from '../chart/chart.tsx'
import type { Mark, Range } from '../chart/model.ts'
import { count, rate } from '../format.ts'
import { type Bucket, useBuckets } from '../live/buckets.ts'
import { cardOf } from '../live/runs-changed.ts'
import { Panel } from '../parts/panel.tsx'
import { params, setParams } from '../router.ts'
import type { Details } from './details.ts'
import { useExact } from './exact.ts'
import { type Axis, LossChart } from './loss-chart.tsx'
import { MarkList, marksOf } from './marks.tsx'

/** The curves of a run, over one axis and with one cursor: loss, learning rate, speed. */
export function Charts({ run }: { run: Details }) {
  const card = cardOf(run).value
  const view = viewOf(params.value)
  const { axis, range } = view
  const all = useBuckets(run.id).value
  const exact = useExact(run.id, axis === 'step' ? range : null, all)
  const buckets = exact ?? all
  const marks = useMemo(() => marksOf(run), [run])
  const shared = {
    axis,
    range,
    marks: axis === 'step' ? marks : NO_MARKS,
    onRange: (next: Range | null) => setParams({ from: written(next?.from), to: written(next?.to) }),
  }
  return (
    <Panel
      title="Loss"
      anchor="loss"
      tools={<View {...view} />}
      query={{ text: QUERY, variables: { id: run.id } }}
    >
      <LossChart
        buckets={buckets}
        run={card}
        epochs={run.epochs}
        logarithmic={view.logarithmic}
        halfLife={view.halfLife}
        {...shared}
      />
      {marks.length > 0 && <MarkList marks={marks} />}
      {buckets !== null && buckets.length > 0 && (
        <div class="columns">
          <Strip
            {...shared}
            run={run}
            buckets={buckets}
            label="learning rate"
            token="--series-3"
            format={rate}
            figureOf={({ learningRate }) => learningRate}
          />
          <Strip
            {...shared}
            run={run}
            buckets={buckets}
            label="images per second"
            token="--series-5"
            format={count}
            figureOf={({ imagesPerSecond }) => imagesPerSecond}
          />
        </div>
      )}
    </Panel>
  )
}

const NO_MARKS: readonly Mark[] = []

const QUERY = `query Loss($id: ID!) {
  trainingRun(id: $id) {
    losses(maxPoints: 1000) { step epoch loss nonFinite learningRate attempt }
  }
}`

interface StripProps {
  run: Details
  buckets: readonly Bucket[]
  axis: Axis
  label: string
  token: string
  format: (value: number | null) => string
  figureOf: (point: Bucket['last']) => number
  range: Range | null
  onRange: (range: Range | null) => void
  marks: readonly Mark[]
}

/** Another figure of the points of the loss, low and below it. */
function Strip({ run, buckets, axis, label, token, figureOf, ...chart }: StripProps) {
  const drawn = useMemo(
    () => ({
      xs: buckets.map(({ last }) => (axis === 'step' ? last.step : last.epoch)),
      curves: [{ label, token, values: buckets.map(({ last }) => figureOf(last)) }],
    }),
    [buckets, axis],
  )
  return (
    <Chart
      label={`${label} of run ${run.number}`}
      xLabel={axis}
      height={130}
      cursor={`run-${run.number}`}
      {...chart}
      {...drawn}
    />
  )
}

interface ViewState {
  axis: Axis
  logarithmic: boolean
  halfLife: number
  range: Range | null
}

/** What the address says of the charts. */
function viewOf(query: URLSearchParams): ViewState {
  const number = (name: string) => Number(query.get(name) ?? Number.NaN)
  const [from, to, halfLife] = [number('from'), number('to'), number('smooth')]
  return {
    axis: query.get('x') === 'epoch' ? 'epoch' : 'step',
    logarithmic: query.get('y') === 'log',
    halfLife: halfLife > 0 && Number.isFinite(halfLife) ? halfLife : 0,
    range: from < to ? { from, to } : null,
  }
}

function written(place: number | undefined): string | null {
  return place === undefined ? null : String(Number(place.toPrecision(7)))
}

const HALF_LIVES = [0, 5, 20, 100, 500]

function View({ axis, logarithmic, halfLife, range }: ViewState) {
  return (
    <div class="row small">
      {range !== null && (
        <button type="button" class="primary" onClick={() => setParams({ from: null, to: null })}>
          Follow
        </button>
      )}
      <label class="row">
        Over
        <select
          value={axis}
          onChange={({ currentTarget: { value } }) =>
            // Places of one axis say nothing on another.
            setParams({ x: value === 'epoch' ? 'epoch' : null, from: null, to: null })
          }
        >
          <option value="step">step</option>
          <option value="epoch">epoch</option>
        </select>
      </label>
      <button
        type="button"
        aria-pressed={logarithmic}
        onClick={() => setParams({ y: logarithmic ? null : 'log' })}
      >
        log
      </button>
      <label class="row">
        Smooth
        <select
          value={String(halfLife)}
          onChange={({ currentTarget: { value } }) => setParams({ smooth: value === '0' ? null : value })}
        >
          {[...new Set([...HALF_LIVES, halfLife])].map((steps) => (
            <option key={steps} value={String(steps)}>
              {steps === 0 ? 'not' : `${steps} steps`}
            </option>
          ))}
        </select>
      </label>
    </div>
  )
}
