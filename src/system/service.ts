import { availableParallelism } from 'node:os'
import type { EngineTrial } from '../engine/ranking.ts'
import type { EngineReport } from '../engine/report.ts'
import { childProcesses } from '../process/running.ts'
import { ownUsage, usageOf } from '../process/usage.ts'
import { memoryOfMachine } from './memory.ts'
import { createStatsSampler, type StatsSampler } from './stats.ts'
import type { Storage } from './storage.ts'

export interface SystemFacts {
  version: string
  cores: number
  /** Bytes; a container's limit where there is one. */
  memoryBytes: number
  database: 'pglite' | 'postgres'
  /** `concurrency`: how many runs may be at work at once. */
  queue: { running: number; queued: number; concurrency: number }
}

/** What the server can say of itself. */
export interface SystemService extends Omit<SystemFacts, 'queue'> {
  queue(): Promise<SystemFacts['queue']>
  /** Null when no engine can run; the log says why. */
  engine(): Promise<EngineReport | null>
  /** What `auto` measured on this machine, fastest first; empty where there was nothing to compare. */
  engineTrials(): readonly EngineTrial[]
  openSubscriptions(): number
  storage(): Promise<Storage>
  /** See StatsSampler. */
  follow: StatsSampler['follow']
}

export function createSystemService(
  sources: Pick<
    SystemService,
    'version' | 'database' | 'queue' | 'engineTrials' | 'openSubscriptions' | 'storage'
  > & {
    engine(): Promise<EngineReport>
    /** The predictor's load: pictures that are open, and that were answered so far. */
    predictor: { readonly queueDepth: number; readonly answered: number }
  },
): SystemService {
  const { predictor, ...rest } = sources
  const cores = availableParallelism()
  const openSubscriptions = () => sources.openSubscriptions() + sampler.listenerCount
  const sampler = createStatsSampler({
    cores,
    processes: () => [
      { pid: process.pid, role: 'server', usage: ownUsage() },
      ...[...childProcesses].map(([pid, role]) => ({ pid, role, usage: usageOf(pid) })),
    ],
    answered: () => predictor.answered,
    snapshot: async () => ({
      queue: await sources.queue(),
      predictionsOpen: predictor.queueDepth,
      openSubscriptions: openSubscriptions(),
    }),
  })
  return {
    ...rest,
    openSubscriptions,
    follow: sampler.follow,
    cores,
    memoryBytes: memoryOfMachine(),
    engine: () => sources.engine().catch(() => null),
  }
}
