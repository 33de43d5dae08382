import type { SystemFacts, SystemService } from '../../system/service.ts'
import { builder } from '../builder/builder.ts'
import { EngineRef, EngineTrialRef } from './engine.ts'
import { StorageRef } from './storage.ts'

export const Queue = builder.objectRef<SystemFacts['queue']>('Queue').implement({
  description: 'Queue of training runs.',
  fields: (t) => ({
    running: t.exposeInt('running', { description: 'Number of runs at work.' }),
    queued: t.exposeInt('queued', { description: 'Number of runs that wait.' }),
    concurrency: t.exposeInt('concurrency', { description: 'Number of runs that may be at work at once.' }),
  }),
})

const System = builder.objectRef<SystemService>('System').implement({
  description: 'This server and its machine.',
  fields: (t) => ({
    version: t.string({ description: 'Version of vggzoo.', resolve: (it) => it.version }),
    engine: t.field({
      type: EngineRef,
      nullable: true,
      description:
        'Engine that this machine computes on, with those that were not taken; null when none can run.',
      resolve: (it) => it.engine(),
    }),
    engineTrials: t.field({
      type: [EngineTrialRef],
      description:
        'The engines that were timed against each other because more than one could be the fastest: the fastest first, failures last. Empty where there was nothing to compare.',
      resolve: (it) => it.engineTrials(),
    }),
    cores: t.int({
      description: 'Number of processor cores that this server may use.',
      resolve: (it) => it.cores,
    }),
    memoryBytes: t.float({
      description: 'Memory of the machine, or of its container, in bytes.',
      resolve: (it) => it.memoryBytes,
    }),
    processMemoryBytes: t.float({
      description: 'Resident memory of the server process in bytes, without trainers and predictor.',
      resolve: () => process.memoryUsage.rss(),
    }),
    database: t.string({ description: 'Database in use: pglite or postgres.', resolve: (it) => it.database }),
    storage: t.field({
      type: StorageRef,
      description: 'Disk of the data folder, and what takes how much of it.',
      resolve: (it) => it.storage(),
    }),
    queue: t.field({
      type: Queue,
      description: 'Queue of training runs.',
      resolve: (it) => it.queue(),
    }),
    openSubscriptions: t.int({
      description: 'Number of subscriptions that are open now.',
      resolve: (it) => it.openSubscriptions(),
    }),
  }),
})

builder.queryField('system', (t) =>
  t.field({
    type: System,
    authScopes: { role: 'VIEWER' },
    description: 'This server: version, engine, memory, queue.',
    resolve: (_root, _args, { system }) => system,
  }),
)
