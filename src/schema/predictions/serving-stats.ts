import type { Percentiles } from '../../predictor/latencies.ts'
import { type VersionServing, WINDOW_MINUTES } from '../../predictor/serving-stats.ts'
import { MAX_EVERY_MS, MIN_EVERY_MS } from '../../system/stats.ts'
import { builder } from '../builder/builder.ts'
import { checkRange } from '../builder/input-error.ts'
import { ModelVersionRef } from '../models/model.ts'

const PercentilesRef = builder.objectRef<Percentiles>('Percentiles').implement({
  description:
    'What so many of the answers did not take longer than, in milliseconds, to within 2.5 %. What is below 0.01 ms is 0.',
  fields: (t) => ({
    p50: t.exposeFloat('p50', { description: 'Half of them: the median.' }),
    p90: t.exposeFloat('p90', { description: '90 % of them.' }),
    p99: t.exposeFloat('p99', { description: '99 % of them.' }),
  }),
})

const ServingStatsRef = builder.objectRef<VersionServing>('ServingStats').implement({
  description: `How a model version answered in the last ${WINDOW_MINUTES} minutes.`,
  fields: (t) => {
    const percentiles = (measure: 'latency' | 'decode' | 'queue' | 'compute', description: string) =>
      t.field({
        type: PercentilesRef,
        nullable: true,
        description: `${description} Null when it answered nothing.`,
        resolve: (stats) => stats[measure],
      })
    return {
      modelVersion: t.field({
        type: ModelVersionRef,
        description: 'The version that was asked.',
        resolve: ({ version }) => version,
      }),
      answered: t.exposeInt('answered', { description: 'Predictions that it made.' }),
      refused: t.exposeInt('refused', {
        description:
          'Requests that were told to come again later, or that had a picture that cannot be read or is not there.',
      }),
      failed: t.exposeInt('failed', {
        description: 'Requests that had no answer by a fault of the model, of its file or of the server.',
      }),
      predictionsPerSecond: t.exposeFloat('perSecond', {
        description: 'Predictions answered, on an average of the last 10 to 20 seconds.',
      }),
      batchSize: t.exposeFloat('batchSize', {
        nullable: true,
        description: 'Pictures in a forward pass, on an average; null when it answered nothing.',
      }),
      latency: percentiles('latency', 'The whole, from the request to the answer.'),
      decode: percentiles('decode', 'Reading the picture, and making it fit the network.'),
      queue: percentiles(
        'queue',
        'From the decoded picture to the forward pass: the wait for others, or for the weights.',
      ),
      compute: percentiles('compute', 'The forward pass, with all pictures of its batch.'),
    }
  },
})

const VERSION = 'Id of a model version: only this one.'

builder.queryField('servingStats', (t) =>
  t.field({
    type: [ServingStatsRef],
    authScopes: { role: 'VIEWER' },
    description: `How fast predictions are answered: the versions that were asked in the last ${WINDOW_MINUTES} minutes, in the order in which they first were. It is kept in memory, for 64 versions, and begins anew with the server.`,
    args: { modelVersion: t.arg.globalID({ for: ModelVersionRef, description: VERSION }) },
    resolve: (_root, { modelVersion }, { serving }) => serving.read(modelVersion?.id),
  }),
)

builder.subscriptionField('servingStats', (t) =>
  t.field({
    type: [ServingStatsRef],
    authScopes: { role: 'VIEWER' },
    description:
      'The same as the query: at once, and then again and again. A slow reader gets the newest only. It goes on until you leave it.',
    args: {
      everyMs: t.arg.int({
        required: true,
        defaultValue: 1000,
        description: `About so many milliseconds apart, ${MIN_EVERY_MS} to ${MAX_EVERY_MS}.`,
      }),
      modelVersion: t.arg.globalID({ for: ModelVersionRef, description: VERSION }),
    },
    subscribe: async (_root, { everyMs, modelVersion }, { serving }) => {
      checkRange('servingStats: everyMs', everyMs, MIN_EVERY_MS, MAX_EVERY_MS)
      return serving.follow(everyMs, modelVersion?.id)
    },
    resolve: (stats) => stats,
  }),
)
