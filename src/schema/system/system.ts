import type { SystemFacts, SystemService } from '../../system/service.ts'
import { builder } from '../builder/builder.ts'
import { EngineRef, EngineTrialRef } from './engine.ts'

const Queue = builder.objectRef<SystemFacts['queue']>('Queue').implement({
  description: 'Training runs at work and waiting.',
  fields: (t) => ({
    running: t.exposeInt('running', { description: 'At work.' }),
    queued: t.exposeInt('queued', { description: 'Waiting.' }),
    concurrency: t.exposeInt('concurrency', { description: 'How many may be at work at once.' }),
  }),
})

const System = builder.objectRef<SystemService>('System').implement({
  description: 'This server and its machine.',
  fields: (t) => ({
    version: t.string({ description: 'Of vggzoo.', resolve: (it) => it.version }),
    engine: t.field({
      type: EngineRef,
      nullable: true,
      description:
        'What this machine computes on, and why not on something better; null when no engine can run.',
      resolve: (it) => it.engine(),
    }),
    engineTrials: t.field({
      type: [EngineTrialRef],
      description:
        'The engines that were timed against each other because more than one could be the fastest: the fastest first, failures last. Empty where there was nothing to compare.',
      resolve: (it) => it.engineTrials(),
    }),
    cores: t.int({ description: 'Processor cores this server may use.', resolve: (it) => it.cores }),
    memoryBytes: t.float({ description: "The machine's memory.", resolve: (it) => it.memoryBytes }),
    processMemoryBytes: t.float({
      description: 'Resident memory of the server process, without trainers and predictor.',
      resolve: () => process.memoryUsage.rss(),
    }),
    database: t.string({ description: 'pglite or postgres.', resolve: (it) => it.database }),
    queue: t.field({
      type: Queue,
      description: 'Training runs at work and waiting.',
      resolve: (it) => it.queue(),
    }),
    openSubscriptions: t.int({
      description: 'Subscribers that listen to runs now.',
      resolve: (it) => it.openSubscriptions(),
    }),
  }),
})

builder.queryField('system', (t) =>
  t.field({
    type: System,
    description: 'This server: version, engine, memory, queue.',
    resolve: (_root, _args, { system }) => system,
  }),
)
