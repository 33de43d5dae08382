/** Jobs that child processes do, each to its end. */
export type JobName =
  | 'conversion'
  | 'dataset'
  | 'import'
  | 'engineTrial'
  | 'evaluation'
  | 'features'
  | 'neighbours'
  | 'verification'

/**
 * What was measured, when it was. Numbers say their unit in their names, or count what they are called. The other values
 * are labels, of which there are few at any time: names of the schema and not of clients, and numbers of runs at work.
 */
export type Measurement =
  /** An operation has its answer; of a subscription, its stream. */
  | {
      kind: 'operation'
      /** Null where it was refused before that was known. */
      type: 'query' | 'mutation' | 'subscription' | null
      /** Its field of the root type, or "several"; null with `type`. */
      field: string | null
      /** 'failed': by a fault of the server; 'refused': for what is wrong with it. Errors of the API's unions are answers. */
      outcome: 'answered' | 'refused' | 'failed'
      ms: number
    }
  | { kind: 'subscriptionOpened'; field: string }
  | { kind: 'subscriptionEnded'; field: string; openMs: number }
  /** A subscriber was too slow for its buffer, and goes on from the journal. */
  | { kind: 'subscriptionLagged'; missedEvents: number }
  /** The bus had a message: 0 listeners means that it was dropped. */
  | { kind: 'busMessage'; bus: string; listeners: number }
  /** Events of a run were committed together. */
  | { kind: 'journalWrite'; events: number; ms: number }
  /** What waits and what is at work, each time that this may have changed. */
  | { kind: 'queue'; queuedRuns: number; runningRuns: number }
  /** The trainer of a run told how far it is: steps since it last did so. */
  | { kind: 'training'; run: number; steps: number; imagesPerSecond: number | null }
  /** Nobody works for the run any more: its number is no label from now on. */
  | {
      kind: 'attemptEnded'
      run: number
      outcome: 'completed' | 'stopped' | 'interrupted' | 'failed'
      ms: number
    }
  /** The predictor had a batch; of the first of a model, loading it is part. */
  | { kind: 'predictorBatch'; pictures: number; ms: number }
  /** A webhook was tried. 'retried': it is tried again; 'failed': given up. */
  | { kind: 'webhookTry'; outcome: 'delivered' | 'retried' | 'failed'; ms: number }
  /** 'stopped': nobody waited for it any more. */
  | { kind: 'job'; job: JobName; outcome: 'answered' | 'failed' | 'stopped'; ms: number }

/** Where measurements go. What takes them neither throws nor waits, and is called some hundred times a second. */
export interface Telemetry {
  record(measurement: Measurement): void
}
