import { useMemo } from 'preact/hooks'
import { align, lay, type Placed } from '../chart/align.ts'
import { type Places, placesOf } from '../chart/axis.ts'
import { Chart } from '../chart/chart.tsx'
import type { Mark } from '../chart/marks.ts'
import type { Curve, Range } from '../chart/model.ts'
import { smooth } from '../chart/smoothing.ts'
import { loss } from '../format.ts'
import type { Bucket } from '../live/buckets.ts'
import type { RunCard } from '../live/runs-changed.ts'
import type { Epoch } from './details.ts'
import type { Ghost } from './ghosts.ts'
import { Preparing } from './preparing.tsx'

interface Props {
  /** The loss so far; null before the first answer. */
  buckets: readonly Bucket[] | null
  run: Pick<RunCard, 'id' | 'number' | 'status' | 'dataset' | 'progress'>
  epochs?: readonly Epoch[]
  ghosts?: readonly Ghost[]
  marks?: readonly Mark[]
  /** Steps are the axis when left out. */
  places?: Places
  logarithmic?: boolean
  /** Half-life of the smoothed line in steps; 0 draws none. */
  halfLife?: number
  isCut?: boolean
  height?: number
  range?: Range | null
  extent?: Range | null
  onRange?: (range: Range | null) => void
}

/** The loss of a run as it grows, from its first step: a band from least to greatest, and the mean within. */
export function LossChart(props: Props) {
  const { buckets, run, epochs = NONE, ghosts = NONE, places = BY_STEP, halfLife = 0, ...chart } = props
  const stepsPerEpoch = run.progress.epochs === 0 ? 0 : run.progress.steps / run.progress.epochs
  const drawn = useMemo(
    () => (buckets === null ? null : curvesOf({ buckets, epochs, ghosts, places, halfLife, stepsPerEpoch })),
    [buckets, epochs, ghosts, places, halfLife, stepsPerEpoch],
  )
  const height = chart.height ?? 320
  if (drawn === null || drawn.xs.length === 0) {
    return (
      <div class="waiting muted" style={{ minHeight: `${height}px` }}>
        {run.status === 'PREPARING' ? (
          <Preparing dataset={run.dataset.reference} />
        ) : (
          (WAITING[run.status] ?? (buckets === null ? 'Reads its losses.' : 'No loss was logged.'))
        )}
      </div>
    )
  }
  return (
    <Chart
      label={`Loss of run ${run.number}`}
      yLabel="loss (nats)"
      axis={places.axis}
      format={loss}
      cursor={`run-${run.number}`}
      markButtons={chart.marks !== undefined}
      csv={() => csvOfPoints([run.id])}
      {...chart}
      height={height}
      {...drawn}
    />
  )
}

const NONE: readonly never[] = []
const BY_STEP = placesOf('step', { stepsPerEpoch: 0, imagesPerEpoch: 0, attempts: [] }, [])

/** All points of some runs, by code that only who saves them loads. */
export const csvOfPoints = async (ids: readonly string[]) => (await import('./points-csv.ts')).pointsCsv(ids)

const WAITING: Partial<Record<RunCard['status'], string>> = {
  QUEUED: 'Waits in the queue.',
  RUNNING: 'Trains; the first loss comes at any moment.',
}

interface Drawn {
  buckets: readonly Bucket[]
  epochs: readonly Epoch[]
  ghosts: readonly Ghost[]
  places: Places
  halfLife: number
  stepsPerEpoch: number
}

/** Losses of steps, of epochs' ends and of what was trained again on one axis. */
function curvesOf({ buckets, epochs, ghosts, places, halfLife, stepsPerEpoch }: Drawn) {
  const means = buckets.map(({ mean }) => mean)
  const steps = buckets.map(({ last }) => last.step)
  const smoothed = halfLife > 0 ? smooth(steps, means, halfLife) : []
  const ofBuckets = (figureOf: (bucket: Bucket, i: number) => number | null) =>
    lay(buckets, places, ({ last }) => last, figureOf)
  // Where a test was made: the end of its epoch.
  const tests = epochs.flatMap(({ epoch, testLoss }): Placed[] => {
    const x = stepsPerEpoch === 0 ? null : places.ofStep(epoch * stepsPerEpoch)
    return testLoss === null || x === null ? [] : [[x, testLoss]]
  })
  const lost = ghosts.map(({ points }) =>
    lay(
      points,
      places,
      (point) => point,
      (point) => point.loss,
    ),
  )
  const { xs, values } = align([
    ofBuckets(({ mean }) => mean),
    ofBuckets(({ min }) => min?.loss ?? null),
    ofBuckets(({ max }) => max?.loss ?? null),
    ofBuckets((_bucket, i) => smoothed[i] ?? null),
    tests,
    ...lost,
  ])
  const [raw, least, greatest, smoothLine, test, ...replaced] = values
  const token = '--series-1'
  const curves: Curve[] = [
    {
      label: 'training loss',
      token,
      values: raw!,
      band: { least: least!, greatest: greatest! },
      faint: halfLife > 0,
    },
    ...(halfLife > 0 ? [{ label: 'smoothed', token, values: smoothLine! }] : []),
    ...(tests.length > 0
      ? [{ label: 'test loss', token: '--series-2', dots: true, dash: [6, 4], values: test! }]
      : []),
    ...ghosts.map(({ attempt }, i) => ({
      label: `replaced, of attempt ${attempt}`,
      token: '--series-7',
      ghost: true,
      values: replaced[i]!,
    })),
  ]
  return { xs, curves }
}
