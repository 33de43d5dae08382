import { describe, expect, test } from 'vitest'
import type { Measurement, Telemetry } from '../../../src/ports/telemetry.ts'

/** At least one of each kind, and what is at the edge of its range. */
const MEASUREMENTS: { [Kind in Measurement['kind']]: Extract<Measurement, { kind: Kind }>[] } = {
  operation: [
    { kind: 'operation', type: 'query', field: 'architectures', outcome: 'answered', ms: 1.5 },
    { kind: 'operation', type: 'mutation', field: 'several', outcome: 'failed', ms: 60_000 },
    { kind: 'operation', type: null, field: null, outcome: 'refused', ms: 0 },
  ],
  subscriptionOpened: [{ kind: 'subscriptionOpened', field: 'trainingRunEvents' }],
  subscriptionEnded: [{ kind: 'subscriptionEnded', field: 'trainingRunEvents', openMs: 86_400_000 }],
  subscriptionLagged: [{ kind: 'subscriptionLagged', missedEvents: 257 }],
  busMessage: [
    { kind: 'busMessage', bus: 'run events', listeners: 0 },
    { kind: 'busMessage', bus: 'run events', listeners: 1000 },
  ],
  journalWrite: [{ kind: 'journalWrite', events: 1, ms: 3.6 }],
  queue: [{ kind: 'queue', queuedRuns: 0, runningRuns: 0 }],
  training: [
    { kind: 'training', run: 1, steps: 30, imagesPerSecond: 191.25 },
    { kind: 'training', run: 1, steps: 0, imagesPerSecond: null },
  ],
  attemptEnded: [
    { kind: 'attemptEnded', run: 1, outcome: 'interrupted', ms: 1 },
    // One that never trained.
    { kind: 'attemptEnded', run: 2, outcome: 'failed', ms: 1 },
  ],
  predictorBatch: [{ kind: 'predictorBatch', pictures: 32, ms: 40 }],
  webhookTry: [{ kind: 'webhookTry', outcome: 'retried', ms: 10_000 }],
  job: [{ kind: 'job', job: 'conversion', outcome: 'stopped', ms: 1 }],
}

/** What every implementation of the port Telemetry must do. */
export function describeTelemetry(telemetry: Telemetry): void {
  describe('telemetry', () => {
    test.each(Object.values(MEASUREMENTS).flat())('takes $kind and hands nothing back', (measurement) => {
      expect(telemetry.record(measurement)).toBeUndefined()
      // Again: what is counted, opened or ended may come any number of times.
      expect(telemetry.record(measurement)).toBeUndefined()
    })

    test('leaves a measurement as it is: it may go elsewhere, too', () => {
      for (const measurement of Object.values(MEASUREMENTS).flat())
        telemetry.record(Object.freeze(measurement))
    })
  })
}
