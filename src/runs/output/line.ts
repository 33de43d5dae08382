import type { OutputStream } from '../../ports/trainer-launcher.ts'

/** A line of a run's output; `number` counts 1, 2, 3, ... within the run and is its cursor. */
export interface OutputLine {
  number: number
  /** Which start of the trainer printed it. */
  attempt: number
  /** When the server got it. */
  at: Date
  /** SERVER: a remark of the server's own. */
  stream: OutputStream | 'SERVER'
  text: string
}

/** Lines that a run keeps; of more, the oldest go. */
export const MAX_LINES = 10_000

/** A text as PostgreSQL can hold it: it has no NUL. */
export function printable(text: string): string {
  return text.replaceAll('\0', '\uFFFD')
}
