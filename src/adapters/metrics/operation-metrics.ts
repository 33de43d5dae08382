import type { Metric, MetricObjectWithValues, MetricValue, Registry } from 'prom-client'
import type { Measurement } from '../../ports/telemetry.ts'

type Operation = Extract<Measurement, { kind: 'operation' }>

/** Of the operations of a field. */
interface Tally {
  labels: { type: string; field: string }
  outcomes: Record<Operation['outcome'], number>
  /** How many took no longer than each bound, but longer than the one before; the last: longer than all. */
  counts: number[]
  seconds: number
}

const TOTAL = {
  name: 'vggzoo_operations_total',
  help: 'Operations that were answered (of subscriptions: opened), refused, or failed by a fault of the server.',
}
const SECONDS = {
  name: 'vggzoo_operation_seconds',
  help: 'From an operation to its answer; of a subscription, to its stream.',
}

/**
 * Counts operations by field and outcome, and how long they take. prom-client's own metrics check and hash their labels
 * each time that they count; these count into what is kept for a field, and have labels when they are read.
 * @param bounds  of the histogram, in seconds
 */
export function countOperations(
  register: Registry,
  bounds: readonly number[],
): (operation: Operation) => void {
  const tallies = new Map<string, Tally>()

  function tallyOf(type: string, field: string): Tally {
    const key = `${type} ${field}`
    let tally = tallies.get(key)
    if (tally === undefined) {
      tally = {
        labels: { type, field },
        outcomes: { answered: 0, refused: 0, failed: 0 },
        counts: Array(bounds.length + 1).fill(0),
        seconds: 0,
      }
      tallies.set(key, tally)
    }
    return tally
  }

  register.registerMetric(
    readAs('counter', TOTAL, () =>
      [...tallies.values()].flatMap(({ labels, outcomes }) =>
        Object.entries(outcomes)
          .filter(([, value]) => value > 0)
          .map(([outcome, value]) => ({ labels: { ...labels, outcome }, value })),
      ),
    ),
  )
  register.registerMetric(
    readAs('histogram', SECONDS, () => [...tallies.values()].flatMap((tally) => histogramOf(tally, bounds))),
  )

  return ({ type, field, outcome, ms }) => {
    const tally = tallyOf(type ?? 'unknown', field ?? 'unknown')
    const seconds = ms / 1000
    let bound = 0
    while (bound < bounds.length && seconds > bounds[bound]!) bound++
    tally.outcomes[outcome]++
    tally.counts[bound]!++
    tally.seconds += seconds
  }
}

type Value = MetricValue<string> & { metricName?: string }

/** As Prometheus has it: each bucket holds those before it. */
function histogramOf({ labels, counts, seconds }: Tally, bounds: readonly number[]): Value[] {
  let count = 0
  const buckets = counts.map((more, index) => {
    count += more
    return {
      metricName: `${SECONDS.name}_bucket`,
      labels: { le: bounds[index] ?? '+Inf', ...labels },
      value: count,
    }
  })
  return [
    ...buckets,
    { metricName: `${SECONDS.name}_sum`, labels, value: seconds },
    { metricName: `${SECONDS.name}_count`, labels, value: count },
  ]
}

/** What a registry asks of a metric. */
function readAs(type: string, about: { name: string; help: string }, values: () => Value[]): Metric {
  const get = async () => ({ ...about, type, values: values(), aggregator: 'sum' }) as unknown
  return { ...about, get: get as () => Promise<MetricObjectWithValues<Value>> } as unknown as Metric
}
