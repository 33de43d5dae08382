import type { EngineName, EngineReport } from './report.ts'

/** The engine's backend is current and ready. */
export type EngineStarted = Pick<EngineReport, 'kind' | 'processor' | 'instructionSet' | 'threads'>

/** The engine was not started, and nothing of it is left behind. */
export interface EngineRefused {
  /** Half a sentence for people: "no NVIDIA GPU is visible". */
  reason: string
  /** What a person can do about it, half a sentence too. */
  remedy: string
}

/** One way to compute. Its file is the only one that names its backend. */
export interface EngineCandidate {
  name: EngineName
  /**
   * Makes the backend current and ready, or says why not; it does not throw for what a machine lacks.
   * `demanded` is true when a person named this engine, false when `auto` asks: then only what can be
   * faster than the next candidate may start, and a software driver cannot.
   */
  start(demanded: boolean): Promise<EngineStarted | EngineRefused>
}
