import { availableParallelism, totalmem } from 'node:os'
import type { EngineTrial } from '../engine/ranking.ts'
import type { EngineReport } from '../engine/report.ts'

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
}

export function createSystemService(
  sources: Pick<SystemService, 'version' | 'database' | 'queue' | 'engineTrials' | 'openSubscriptions'> & {
    engine(): Promise<EngineReport>
  },
): SystemService {
  const limit = process.constrainedMemory()
  return {
    ...sources,
    cores: availableParallelism(),
    // Without a container the limit is 0, or absurdly large.
    memoryBytes: limit > 0 && limit < totalmem() ? limit : totalmem(),
    engine: () => sources.engine().catch(() => null),
  }
}
