import type { ProcessLoad, SystemStats } from '../../system/stats.ts'
import { MAX_EVERY_MS, MIN_EVERY_MS } from '../../system/stats.ts'
import { builder } from '../builder/builder.ts'
import { checkRange } from '../builder/input-error.ts'
import { Queue } from './system.ts'

const ProcessLoadRef = builder.objectRef<ProcessLoad>('ProcessLoad').implement({
  description: 'What some processes take of the machine, together.',
  fields: (t) => ({
    processes: t.exposeInt('processes', { description: 'How many there are.' }),
    cpu: t.exposeFloat('cpu', {
      nullable: true,
      description:
        'Share of all cores, 0 to 1, on an average since the item before; null in the first item, and for children where the system is not Linux.',
    }),
    memoryBytes: t.exposeFloat('memoryBytes', {
      nullable: true,
      description: 'Resident memory; null for children where the system is not Linux.',
    }),
  }),
})

const SystemStatsRef = builder.objectRef<SystemStats>('SystemStats').implement({
  description: 'How busy this server is.',
  fields: (t) => {
    const load = (role: keyof SystemStats['loads'], description: string) =>
      t.field({ type: ProcessLoadRef, description, resolve: ({ loads }) => loads[role] })
    return {
      at: t.expose('at', { type: 'DateTime', description: 'When it was measured.' }),
      server: load('server', 'The process that answers.'),
      trainers: load('trainer', 'The processes of training runs.'),
      predictor: load('predictor', 'The process that predicts.'),
      jobs: load(
        'job',
        'Processes of one task each: evaluations, data sets, conversions of weights, reproductions, trials of engines.',
      ),
      training: t.boolean({
        description: 'Whether a training run is at work.',
        resolve: ({ queue }) => queue.running > 0,
      }),
      predicting: t.boolean({
        description: 'Whether a prediction is being made or waits.',
        resolve: ({ predictionsOpen }) => predictionsOpen > 0,
      }),
      queue: t.expose('queue', { type: Queue, description: 'Training runs at work and waiting.' }),
      predictionsOpen: t.exposeInt('predictionsOpen', {
        description: 'Predictions that are being made or wait.',
      }),
      predictionsPerSecond: t.exposeFloat('predictionsPerSecond', {
        nullable: true,
        description: 'Predictions answered, on an average since the item before; null in the first item.',
      }),
      openSubscriptions: t.exposeInt('openSubscriptions', {
        description: 'Subscriptions that are open now.',
      }),
    }
  },
})

builder.subscriptionField('systemStats', (t) =>
  t.field({
    type: SystemStatsRef,
    authScopes: { role: 'VIEWER' },
    description:
      'How busy this server is: at once, and then again and again. A slow reader gets the newest only. It goes on until you leave it.',
    args: {
      everyMs: t.arg.int({
        required: true,
        defaultValue: 1000,
        description: `About so many milliseconds apart, ${MIN_EVERY_MS} to ${MAX_EVERY_MS}.`,
      }),
    },
    subscribe: async (_root, { everyMs }, { system }) => {
      checkRange('systemStats: everyMs', everyMs, MIN_EVERY_MS, MAX_EVERY_MS)
      return system.follow(everyMs)
    },
    resolve: (stats) => stats,
  }),
)
