import type { Telemetry } from '../../ports/telemetry.ts'

/** Nobody looks. */
export const NO_TELEMETRY: Telemetry = { record() {} }
