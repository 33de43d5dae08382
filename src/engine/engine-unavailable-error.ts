import type { EngineName } from './report.ts'

/** `ENGINE` names an engine that this machine cannot run. The message is one line: what, why, what to do. */
export class EngineUnavailableError extends Error {
  readonly engine: EngineName
  readonly reason: string

  constructor(engine: EngineName, reason: string, remedy: string) {
    super(`ENGINE=${engine} is not available: ${reason}. To go on, ${remedy}.`)
    this.name = 'EngineUnavailableError'
    this.engine = engine
    this.reason = reason
  }
}
