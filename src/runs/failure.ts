import { type ChildExit, lastWords } from '../process/child.ts'

export const FAILURE_CODES = [
  'TRAINER_DIED',
  'OUT_OF_MEMORY',
  'SERVER_STOPPED',
  'DATASET_UNAVAILABLE',
  'ENGINE_UNAVAILABLE',
  'CHECKPOINT_DAMAGED',
  'LOSS_NOT_FINITE',
  'INTERNAL_ERROR',
] as const
export type FailureCode = (typeof FAILURE_CODES)[number]

/** Why a run FAILED, or was interrupted: what happened and what the person can do about it. */
export interface RunFailure {
  code: FailureCode
  message: string
  /** Of LOSS_NOT_FINITE: the step, and the layer whose gradient was not finite first. */
  step?: number
  layer?: string
}

export const SERVER_STOPPED: RunFailure = {
  code: 'SERVER_STOPPED',
  message: 'The server stopped while the run was at work.',
}

/** Whether this is what an engine, or JavaScript, says when there is no memory for an array or to work in. */
export function isOutOfMemory(message: string): boolean {
  return /has no room|allocation failed|(out of|not enough) memory|memory access out of bounds/i.test(message)
}

/** The failure of a run whose trainer ended without having said how the run ended. */
export function failureOfExit(exit: ChildExit): RunFailure {
  if (exit.outOfMemory) {
    return {
      code: 'OUT_OF_MEMORY',
      message: 'The trainer ran out of memory. Use a smaller batchSize or architecture.',
    }
  }
  if (exit.signal === 'SIGKILL') {
    return {
      code: 'TRAINER_DIED',
      message:
        'The trainer was killed (SIGKILL): by a person, or by the system because memory ran out. If it was memory, use a smaller batchSize or architecture.',
    }
  }
  const how = exit.signal === null ? `exit code ${exit.code}` : exit.signal
  const said = lastWords(exit)
  return {
    code: 'TRAINER_DIED',
    message: `The trainer ended unexpectedly (${how}).${said ? ` Its last words: ${said}` : ' It said nothing.'}`,
  }
}
