import { useMemo, useState } from 'preact/hooks'
import { extentOf } from '../chart/align.ts'
import { Chart } from '../chart/chart.tsx'
import type { Range } from '../chart/model.ts'
import { type AxisParam, rangeParams, viewOf } from '../chart/view.ts'
import { ViewTools } from '../chart/view-tools.tsx'
import { count, loss, percent, rate } from '../format.ts'
import { Panel } from '../parts/panel.tsx'
import { params, setParams } from '../router.ts'
import { csvOfEpochs } from '../run/epochs.tsx'
import { csvOfPoints } from '../run/loss-chart.tsx'
import { MarkList } from '../run/mark-list.tsx'
import { type Comparison, comparisonOf } from './comparison.ts'
import { curvesOf, epochCurves, type Laid, marksOf } from './curves.ts'
import { RunLosses } from './run-losses.tsx'
import { Differences } from './tables.tsx'

const AXIS: AxisParam = { name: 'axis', usual: 'epoch' }

/** The curves of all runs, over one axis and with one cursor, beside the settings that differ. */
export function ComparedCharts({ of: comparison, ids }: { of: Comparison; ids: readonly string[] }) {
  const view = viewOf(params.value, AXIS)
  const [known, setKnown] = useState<ReadonlyMap<string, Laid>>(new Map())
  const take = (laid: Laid) => setKnown((before) => new Map(before).set(laid.run.id, laid))
  const laid = useMemo(
    () =>
      comparison.runs.map(({ id }) => {
        const it = known.get(id)
        return it?.places.axis === view.axis ? it : undefined
      }),
    [comparison, known, view.axis],
  )
  const marks = useMemo(() => marksOf(laid), [laid])
  const losses = useMemo(() => curvesOf(laid, ({ mean }) => mean, view.halfLife), [laid, view.halfLife])
  const rates = useMemo(() => curvesOf(laid, ({ last }) => last.learningRate), [laid])
  const speeds = useMemo(() => curvesOf(laid, ({ last }) => last.imagesPerSecond), [laid])
  const accuracies = useMemo(() => epochCurves(laid, comparison.epochs, 'testAccuracy'), [laid, comparison])
  const tests = useMemo(() => epochCurves(laid, comparison.epochs, 'testLoss'), [laid, comparison])
  const extent = useMemo(
    () =>
      extentOf([
        ...laid.flatMap((it) => (it === undefined ? [] : it.buckets.map(({ last }) => it.places.of(last)))),
        ...marks.map(({ x }) => x),
      ]),
    [laid, marks],
  )
  const shared = {
    extent: view.range === null ? extent : null,
    axis: view.axis,
    marks,
    range: view.range,
    onRange: (next: Range | null) => setParams(rangeParams(next)),
    cursor: 'compared',
    aligned: true,
  }
  const csv = () => csvOfPoints(ids)
  const query = comparisonOf(comparison.runs)
  return (
    <>
      {comparison.runs.map((run) => (
        <RunLosses key={run.id} run={run} view={view} onLaid={take} />
      ))}
      <div class="beside">
        <Panel title="Training loss" tools={<ViewTools view={view} param={AXIS} />} query={query}>
          {losses.xs.length === 0 ? (
            <div class="waiting muted" style={{ minHeight: '340px' }}>
              {known.size < comparison.runs.length ? '' : 'None of them has logged a loss yet.'}
            </div>
          ) : (
            <>
              <Chart
                label="Training loss of the runs"
                yLabel="loss (nats)"
                format={loss}
                height={340}
                logarithmic={view.logarithmic}
                isCut={view.isCut}
                markButtons
                csv={csv}
                {...shared}
                {...losses}
              />
              <MarkList marks={marks} />
              <div class="columns">
                <Chart
                  label="Learning rate of the runs"
                  yLabel="learning rate"
                  format={rate}
                  height={130}
                  csv={csv}
                  {...shared}
                  {...rates}
                />
                <Chart
                  label="Speed of the runs"
                  yLabel="images per second"
                  format={count}
                  height={130}
                  csv={csv}
                  {...shared}
                  {...speeds}
                />
              </div>
            </>
          )}
        </Panel>
        <Differences of={comparison} />
      </div>
      {comparison.epochs.length > 0 && (
        <Panel title="Epochs" query={query}>
          <div class="columns">
            <Chart
              label="Test accuracy of the runs"
              yLabel="test accuracy"
              format={percent}
              isShare
              height={240}
              csv={() => csvOfEpochs(ids)}
              {...shared}
              {...accuracies}
            />
            <Chart
              label="Test loss of the runs"
              yLabel="test loss (nats)"
              format={loss}
              height={240}
              csv={() => csvOfEpochs(ids)}
              {...shared}
              {...tests}
            />
          </div>
        </Panel>
      )}
    </>
  )
}
