import type { ReadonlySignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useMemo } from 'preact/hooks'
import { align, extentOf, lay } from '../chart/align.ts'
import type { Places } from '../chart/axis.ts'
import { Chart } from '../chart/chart.tsx'
import type { Mark } from '../chart/marks.ts'
import type { Range } from '../chart/model.ts'
import { type AxisParam, rangeParams, viewOf } from '../chart/view.ts'
import { ViewTools } from '../chart/view-tools.tsx'
import { count, rate } from '../format.ts'
import { type Bucket, LOSS_BUCKETS } from '../live/buckets.ts'
import { cardOf } from '../live/runs-changed.ts'
import { Panel } from '../parts/panel.tsx'
import { params, setParams } from '../router.ts'
import type { Details } from './details.ts'
import { Epochs } from './epochs.tsx'
import { useLaid } from './laid.ts'
import { csvOfPoints, LossChart } from './loss-chart.tsx'
import { MarkList } from './mark-list.tsx'
import { gapsOf, momentsOf, placed } from './moments.ts'
import { useGhosts } from './raw-losses.ts'

const NO_ATTEMPTS: Details['attempts'] = []
const AXIS: AxisParam = { name: 'x', usual: 'step' }

/**
 * The curves of a run, over one axis and with one cursor: loss, learning rate, speed, accuracy.
 * @param losses    all there are, thinned, as they come
 * @param children  what stands between the loss and the epochs
 */
export function Charts({
  run,
  losses,
  children,
}: {
  run: Details
  losses: ReadonlySignal<readonly Bucket[] | null>
  children: ComponentChildren
}) {
  const card = cardOf(run).value
  const view = viewOf(params.value, AXIS)
  const all = losses.value
  const { track, places, steps, buckets } = useLaid(run, view, all)
  // Behind the curve, and asked for after it.
  const ghosts = useGhosts(run.id, all === null ? NO_ATTEMPTS : run.attempts, steps)
  const moments = useMemo(() => momentsOf(run), [run])
  const marks = useMemo(() => {
    const points = (buckets ?? []).flatMap(({ nonFinite }) => nonFinite ?? [])
    return [...placed(moments, places), ...gapsOf(points, run.statusChanges, places)]
  }, [moments, places, buckets, run])
  const extent = useMemo(
    () =>
      extentOf([
        ...(all ?? []).map(({ last }) => places.of(last)),
        ...ghosts.flatMap(({ points }) => points.map(places.of)),
        // A run that went on from its beginning did so before its first point.
        ...marks.map(({ x }) => x),
      ]),
    [all, ghosts, places, marks],
  )
  const shared = {
    places,
    extent,
    range: view.range,
    marks,
    onRange: (next: Range | null) => setParams(rangeParams(next)),
  }
  return (
    <>
      <Panel
        title="Loss"
        anchor="loss"
        tools={<ViewTools view={view} param={AXIS} />}
        query={{ text: LOSS_BUCKETS, variables: { id: run.id, maxPoints: 1000 } }}
      >
        <LossChart
          buckets={buckets}
          run={card}
          epochs={run.epochs}
          ghosts={ghosts}
          logarithmic={view.logarithmic}
          isCut={view.isCut}
          halfLife={view.halfLife}
          {...shared}
        />
        <MarkList marks={marks} />
        {buckets !== null && buckets.length > 0 && (
          <div class="columns">
            <Strip
              {...shared}
              run={run}
              buckets={buckets}
              name="learning rate"
              token="--series-3"
              format={rate}
              figureOf={({ learningRate }) => learningRate}
            />
            <Strip
              {...shared}
              run={run}
              buckets={buckets}
              name="images per second"
              token="--series-5"
              format={count}
              figureOf={({ imagesPerSecond }) => imagesPerSecond}
            />
          </div>
        )}
      </Panel>
      {children}
      <Epochs run={run} stepsPerEpoch={track.stepsPerEpoch} {...shared} />
    </>
  )
}

interface StripProps {
  run: Details
  buckets: readonly Bucket[]
  places: Places
  name: string
  token: string
  format: (value: number | null) => string
  figureOf: (point: Bucket['last']) => number
  range: Range | null
  extent: Range | null
  onRange: (range: Range | null) => void
  marks: readonly Mark[]
}

/** Another figure of the points of the loss, low and below it. */
function Strip({ run, buckets, places, name, token, figureOf, ...chart }: StripProps) {
  const drawn = useMemo(() => {
    const points = lay(
      buckets,
      places,
      ({ last }) => last,
      ({ last }) => figureOf(last),
    )
    const { xs, values } = align([points])
    return { xs, curves: [{ label: name, token, values: values[0]! }] }
  }, [buckets, places])
  return (
    <Chart
      label={`${name[0]!.toUpperCase()}${name.slice(1)} of run ${run.number}`}
      yLabel={name}
      axis={places.axis}
      height={130}
      cursor={`run-${run.number}`}
      csv={() => csvOfPoints([run.id])}
      {...chart}
      {...drawn}
    />
  )
}
