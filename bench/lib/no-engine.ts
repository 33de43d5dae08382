import type { EngineReport } from '../../src/engine/report.ts'

/** Of runs that nobody trained. */
export const NO_ENGINE: EngineReport = {
  kind: 'CPU',
  device: 'none',
  processor: 'none',
  instructionSet: 'none',
  threads: null,
  notTaken: [],
}
