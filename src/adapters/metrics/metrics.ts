import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Measurement, Telemetry } from '../../ports/telemetry.ts'
import { countOperations } from './operation-metrics.ts'

/** What is asked for when the metrics are read, and not measured as it happens. */
export interface Sources {
  version: string
  /** Bytes of the disk of the data folder: free for the server, and all. */
  disk(): { free: number; size: number }
  /** Bytes of the database; rejects when it does not answer. */
  databaseBytes(): Promise<number>
}

export interface Metrics {
  telemetry: Telemetry
  /** In Prometheus' text format. */
  text(): Promise<string>
  readonly contentType: string
}

/** Seconds: from an answer out of memory to a training's picture that waits for a processor. */
const ANSWERS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]
/** Seconds: jobs and trainings take from moments to days. */
const WORK = [0.1, 1, 10, 60, 600, 3600, 6 * 3600, 24 * 3600]

/**
 * Measurements as metrics of Prometheus. Labels are names of the schema, of this program and of runs at work, of which
 * there are few at any time: a run's are gone when nobody works for it any more.
 */
export function createMetrics(sources: Sources): Metrics {
  const register = new Registry()
  // Ten times less often than by default: an idle server sleeps.
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: 100 })
  const registers = [register]
  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers })
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Gauge({ name, help, labelNames, registers })
  const histogram = <Label extends string>(
    name: string,
    help: string,
    buckets: number[],
    ...labelNames: Label[]
  ) => new Histogram({ name, help, buckets, labelNames, registers })

  gauge('vggzoo_info', 'Always 1; its label is the version of the server.', 'version').set(
    { version: sources.version },
    1,
  )
  new Gauge({
    name: 'vggzoo_disk_free_bytes',
    help: 'Of the disk of the data folder, what the server may still write.',
    registers,
    collect() {
      this.set(sources.disk().free)
    },
  })
  new Gauge({
    name: 'vggzoo_disk_size_bytes',
    help: 'Of the disk of the data folder.',
    registers,
    collect() {
      this.set(sources.disk().size)
    },
  })
  // Both are read at once: it is asked once for them.
  let asked: Promise<number | null> | undefined
  const databaseBytes = () => {
    asked ??= sources
      .databaseBytes()
      .catch(() => null)
      .finally(() => {
        asked = undefined
      })
    return asked
  }
  new Gauge({
    name: 'vggzoo_database_up',
    help: 'Whether the database answered when the metrics were read.',
    registers,
    async collect() {
      this.set((await databaseBytes()) === null ? 0 : 1)
    },
  })
  new Gauge({
    name: 'vggzoo_database_size_bytes',
    help: 'Of the database; not there while it does not answer.',
    registers,
    async collect() {
      const bytes = await databaseBytes()
      // Prometheus tells what is not there from what is 0.
      if (bytes === null) this.remove()
      else this.set(bytes)
    },
  })

  const operation = countOperations(register, ANSWERS)
  const subscriptions = gauge('vggzoo_subscriptions', 'That are open.', 'field')
  const lags = counter(
    'vggzoo_subscription_lags_total',
    'How often a subscriber was too slow for its buffer and went on from the journal.',
  )
  const missed = counter(
    'vggzoo_subscription_missed_events_total',
    'Events that slow subscribers found in the journal, and not live.',
  )
  const messages = counter('vggzoo_bus_messages_total', 'That were published.', 'bus')
  const deliveries = counter(
    'vggzoo_bus_deliveries_total',
    'Messages times the listeners that each had.',
    'bus',
  )
  const journalEvents = counter('vggzoo_journal_events_total', 'Events of runs that were committed.')
  const journalSeconds = histogram(
    'vggzoo_journal_write_seconds',
    'Of a transaction that commits events of a run.',
    ANSWERS,
  )
  const runs = gauge('vggzoo_runs', 'That are queued or running.', 'status')
  const steps = counter('vggzoo_training_steps_total', 'Of a run at work, since this server began.', 'run')
  const imagesPerSecond = gauge(
    'vggzoo_training_images_per_second',
    'Images that a run at work trains on in a second.',
    'run',
  )
  const attempts = histogram(
    'vggzoo_attempt_seconds',
    'How long trainers worked for a run until it ended, was stopped or interrupted.',
    WORK,
    'outcome',
  )
  const batches = histogram(
    'vggzoo_predictor_batch_seconds',
    'Of a batch of pictures in a predictor; loading its model is part of the first.',
    ANSWERS,
  )
  const pictures = counter('vggzoo_predictor_pictures_total', 'That predictors classified.')
  const jobs = histogram(
    'vggzoo_job_seconds',
    'Of work in a process of its own, such as an evaluation.',
    WORK,
    'job',
    'outcome',
  )
  const webhookTries = histogram(
    'vggzoo_webhook_try_seconds',
    'Of a try to deliver a message of a webhook: delivered, to be retried, or given up.',
    ANSWERS,
    'outcome',
  )

  const takers: { [Kind in Measurement['kind']]: (it: Extract<Measurement, { kind: Kind }>) => void } = {
    operation,
    subscriptionOpened({ field }) {
      subscriptions.inc({ field })
    },
    subscriptionEnded({ field }) {
      subscriptions.dec({ field })
    },
    subscriptionLagged({ missedEvents }) {
      lags.inc()
      missed.inc(missedEvents)
    },
    busMessage({ bus, listeners }) {
      messages.inc({ bus })
      deliveries.inc({ bus }, listeners)
    },
    journalWrite({ events, ms }) {
      journalEvents.inc(events)
      journalSeconds.observe(ms / 1000)
    },
    queue({ queuedRuns, runningRuns }) {
      runs.set({ status: 'queued' }, queuedRuns)
      runs.set({ status: 'running' }, runningRuns)
    },
    training({ run, steps: done, imagesPerSecond: rate }) {
      steps.inc({ run }, Math.max(0, done))
      if (rate !== null) imagesPerSecond.set({ run }, rate)
    },
    attemptEnded({ run, outcome, ms }) {
      attempts.observe({ outcome }, ms / 1000)
      steps.remove({ run })
      imagesPerSecond.remove({ run })
    },
    predictorBatch({ pictures: count, ms }) {
      pictures.inc(count)
      batches.observe(ms / 1000)
    },
    job({ job, outcome, ms }) {
      jobs.observe({ job, outcome }, ms / 1000)
    },
    webhookTry({ outcome, ms }) {
      webhookTries.observe({ outcome }, ms / 1000)
    },
  }
  const record = (it: Measurement) => (takers[it.kind] as (it: Measurement) => void)(it)

  return { telemetry: { record }, text: () => register.metrics(), contentType: register.contentType }
}
