import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { createMetrics, type Metrics, type Sources } from '../../../src/adapters/metrics/metrics.ts'
import type { Measurement } from '../../../src/ports/telemetry.ts'

/** One of each kind. */
const MEASUREMENTS: { [Kind in Measurement['kind']]: Extract<Measurement, { kind: Kind }> } = {
  operation: { kind: 'operation', type: 'query', field: 'predict', outcome: 'answered', ms: 30 },
  subscriptionOpened: { kind: 'subscriptionOpened', field: 'trainingRunEvents' },
  subscriptionEnded: { kind: 'subscriptionEnded', field: 'systemStats', openMs: 10 },
  subscriptionLagged: { kind: 'subscriptionLagged', missedEvents: 7 },
  busMessage: { kind: 'busMessage', bus: 'runEvents', listeners: 3 },
  journalWrite: { kind: 'journalWrite', events: 4, ms: 5 },
  queue: { kind: 'queue', queuedRuns: 2, runningRuns: 1 },
  training: { kind: 'training', run: 12, steps: 20, imagesPerSecond: 800 },
  attemptEnded: { kind: 'attemptEnded', run: 11, outcome: 'completed', ms: 90_000 },
  predictorBatch: { kind: 'predictorBatch', pictures: 5, ms: 8 },
  webhookTry: { kind: 'webhookTry', outcome: 'delivered', ms: 200 },
  job: { kind: 'job', job: 'evaluation', outcome: 'answered', ms: 1500 },
}

let sources: Sources
let metrics: Metrics

beforeEach(() => {
  sources = {
    version: '1.2.3',
    disk: () => ({ free: 5e9, size: 2e10 }),
    databaseBytes: async () => 7e6,
  }
  metrics = createMetrics(sources)
})

const record = (...measurements: Measurement[]) => {
  for (const it of measurements) metrics.telemetry.record(it)
}

/** The samples as Prometheus reads them: their lines without comments. */
async function samples(): Promise<string[]> {
  return (await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

test('Each measurement is found in the metrics, with its unit', async () => {
  record(...Object.values(MEASUREMENTS))
  const all = await samples()
  expect(
    [
      'vggzoo_info{version="1.2.3"} 1',
      'vggzoo_operations_total{type="query",field="predict",outcome="answered"} 1',
      'vggzoo_operation_seconds_sum{type="query",field="predict"} 0.03',
      'vggzoo_subscriptions{field="trainingRunEvents"} 1',
      'vggzoo_subscription_lags_total 1',
      'vggzoo_subscription_missed_events_total 7',
      'vggzoo_bus_messages_total{bus="runEvents"} 1',
      'vggzoo_bus_deliveries_total{bus="runEvents"} 3',
      'vggzoo_journal_events_total 4',
      'vggzoo_journal_write_seconds_sum 0.005',
      'vggzoo_runs{status="queued"} 2',
      'vggzoo_runs{status="running"} 1',
      'vggzoo_training_steps_total{run="12"} 20',
      'vggzoo_training_images_per_second{run="12"} 800',
      'vggzoo_attempt_seconds_sum{outcome="completed"} 90',
      'vggzoo_predictor_pictures_total 5',
      'vggzoo_predictor_batch_seconds_sum 0.008',
      'vggzoo_job_seconds_sum{job="evaluation",outcome="answered"} 1.5',
      'vggzoo_webhook_try_seconds_sum{outcome="delivered"} 0.2',
      'vggzoo_disk_free_bytes 5000000000',
      'vggzoo_disk_size_bytes 20000000000',
      'vggzoo_database_size_bytes 7000000',
      'vggzoo_database_up 1',
    ].filter((line) => !all.includes(line)),
  ).toEqual([])
})

test('A run is no label any more when nobody works for it', async () => {
  record(MEASUREMENTS.training)
  expect((await samples()).filter((line) => line.includes('run="12"'))).toHaveLength(2)
  record({ ...MEASUREMENTS.attemptEnded, run: 12 })
  expect((await samples()).filter((line) => line.includes('run="12"'))).toEqual([])
})

test('A run that goes back to its checkpoint takes nothing from its counter, and throws nothing', async () => {
  record(MEASUREMENTS.training, { ...MEASUREMENTS.training, steps: -8, imagesPerSecond: null })
  expect(await samples()).toContain('vggzoo_training_steps_total{run="12"} 20')
})

test('A database that does not answer is told, and the rest is', async () => {
  sources.databaseBytes = () => Promise.reject(new Error('It is gone.'))
  const all = await samples()
  expect(all).toContain('vggzoo_database_up 0')
  expect(all.filter((line) => line.startsWith('vggzoo_database_size_bytes'))).toEqual([])
  expect(all).toContain('vggzoo_disk_free_bytes 5000000000')
})

test("The Grafana dashboard's queries ask for metrics and labels that exist", async () => {
  record(...Object.values(MEASUREMENTS))
  const labelsOf = new Map<string, Set<string>>()
  for (const line of await samples()) {
    const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})? /.exec(line)!
    const known = labelsOf.get(name!) ?? new Set()
    labelsOf.set(name!, known)
    for (const [, label] of labels.matchAll(/(\w+)="/g)) known.add(label!)
  }
  const { panels } = JSON.parse(readFileSync(resolve('docs/grafana.json'), 'utf8'))
  const asked = new Set<string>()
  for (const { title, targets } of panels) {
    for (const { expr, legendFormat } of targets) {
      const names: string[] = expr.match(/\b(vggzoo|process|nodejs)_\w+/g)
      const labels = [
        ...[...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list]) => list.split(', ')),
        ...[...expr.matchAll(/(\w+)(?:=|!=|=~)"/g)].map(([, label]) => label),
        ...[...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label),
      ]
      for (const name of names) {
        asked.add(name.replace(/_(bucket|sum|count)$/, ''))
        expect([title, name, labelsOf.has(name)]).toEqual([title, name, true])
        for (const label of labels)
          expect([title, name, label, labelsOf.get(name)!.has(label)]).toEqual([title, name, label, true])
      }
    }
  }
  // And all that is measured of vggzoo is shown.
  const own = [...labelsOf.keys()].filter((name) => name.startsWith('vggzoo_'))
  expect([...new Set(own.map((name) => name.replace(/_(bucket|sum|count)$/, '')))].sort()).toEqual(
    [...asked].filter((name) => name.startsWith('vggzoo_')).sort(),
  )
})
