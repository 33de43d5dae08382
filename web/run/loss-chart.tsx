import { useMemo } from 'preact/hooks'
import { Chart } from '../chart/chart.tsx'
import type { Gap, Mark, Range } from '../chart/model.ts'
import { smooth } from '../chart/smoothing.ts'
import { loss } from '../format.ts'
import type { Bucket } from '../live/buckets.ts'
import type { RunCard } from '../live/runs-changed.ts'
import type { Epoch } from './details.ts'

/** What the curve stands over. */
export type Axis = 'step' | 'epoch'

interface Props {
  /** The loss so far; null before the first answer. */
  buckets: readonly Bucket[] | null
  run: Pick<RunCard, 'id' | 'number' | 'status' | 'progress'>
  epochs?: readonly Epoch[]
  marks?: readonly Mark[]
  axis?: Axis
  logarithmic?: boolean
  /** Half-life of the smoothed line in steps; 0 draws none. */
  halfLife?: number
  height?: number
  range?: Range | null
  onRange?: (range: Range | null) => void
}

/** The loss of a run as it grows, from its first step: a band from least to greatest, and the mean within. */
export function LossChart({ buckets, run, epochs = NONE, axis = 'step', halfLife = 0, ...chart }: Props) {
  const stepsPerEpoch = run.progress.epochs === 0 ? 0 : run.progress.steps / run.progress.epochs
  const drawn = useMemo(
    () => (buckets === null ? null : curvesOf(buckets, epochs, axis, halfLife, stepsPerEpoch)),
    [buckets, epochs, axis, halfLife, stepsPerEpoch],
  )
  const height = chart.height ?? 300
  if (drawn === null || drawn.xs.length === 0) {
    return (
      <div class="waiting muted" style={{ minHeight: `${height}px` }}>
        {WAITING[run.status] ?? 'No loss was logged.'}
      </div>
    )
  }
  return (
    <Chart
      label={`Loss of run ${run.number}`}
      xLabel={axis}
      format={loss}
      formatX={axis === 'epoch' ? (epoch) => epoch.toFixed(2) : (step) => step.toLocaleString('en')}
      cursor={`run-${run.number}`}
      {...chart}
      {...drawn}
    />
  )
}

const NONE: readonly Epoch[] = []

const WAITING: Partial<Record<RunCard['status'], string>> = {
  QUEUED: 'Waits in the queue.',
  PREPARING: 'Prepares: engine, data set, network.',
  RUNNING: 'Trains; the first loss comes at any moment.',
}

/** Losses of steps and of epochs' ends on one axis. */
function curvesOf(
  buckets: readonly Bucket[],
  epochs: readonly Epoch[],
  axis: Axis,
  halfLife: number,
  stepsPerEpoch: number,
) {
  const xOf = (step: number, epoch: number) => (axis === 'step' ? step : epoch)
  // Where a test was made: the end of its epoch.
  const tests = epochs.flatMap(({ epoch, testLoss }) => {
    const step = epoch * stepsPerEpoch
    return testLoss === null || step === 0 ? [] : [{ x: xOf(step, epoch), step, testLoss }]
  })
  const rows = [
    ...buckets.map((bucket) => ({
      x: xOf(bucket.last.step, bucket.last.epoch),
      bucket,
      test: null as number | null,
    })),
    ...tests.map(({ x, testLoss }) => ({ x, bucket: null, test: testLoss })),
  ].sort((one, other) => one.x - other.x)
  // An axis has each of its places once.
  const places: typeof rows = []
  for (const row of rows) {
    const before = places.at(-1)
    if (before?.x !== row.x) places.push({ ...row })
    else {
      before.bucket ??= row.bucket
      before.test ??= row.test
    }
  }
  const xs = places.map(({ x }) => x)
  const steps = places.map(({ bucket, x }) => bucket?.last.step ?? x)
  // A test stands between two steps, and is no gap in their curve: undefined is nothing, null a gap.
  const ofBuckets = (value: (bucket: Bucket) => number | null) =>
    places.map(({ bucket }) => (bucket === null ? undefined : value(bucket)))
  const token = '--series-1'
  const raw = {
    label: 'training loss',
    token,
    values: ofBuckets(({ mean }) => mean),
    band: {
      least: ofBuckets(({ min }) => min?.loss ?? null),
      greatest: ofBuckets(({ max }) => max?.loss ?? null),
    },
  }
  const curves = [
    { ...raw, faint: halfLife > 0 },
    ...(halfLife > 0 ? [{ label: 'smoothed', token, values: smooth(steps, raw.values, halfLife) }] : []),
    ...(tests.length > 0
      ? [
          {
            label: 'test loss',
            token: '--series-2',
            dots: true,
            dash: [6, 4],
            values: places.map(({ test }) => test),
          },
        ]
      : []),
  ]
  const gaps: Gap[] = buckets.flatMap(({ nonFinite, last }) =>
    nonFinite === null
      ? []
      : [
          {
            x: xOf(nonFinite.step, last.epoch),
            label: `step ${nonFinite.step}: the loss is ${nonFinite.nonFinite}`,
          },
        ],
  )
  return { xs, curves, gaps }
}
