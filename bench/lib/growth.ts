import { median } from './statistics.ts'

const MOST_GROWTH = 0.05
const MOST_GROWTH_MEBIBYTES = 16

/**
 * Prints by how much memory grew, and ends the bench with 1 when that is more than chance explains. The first three
 * samples are compared with the last three: when V8 collects is chance.
 * @param what  from what to what
 */
export function checkGrowth(what: string, mebibytes: readonly number[]): void {
  const first = median(mebibytes.slice(0, 3))
  const grown = median(mebibytes.slice(-3)) - first
  check(
    `${what} it grew by ${grown.toFixed(1)} MiB, ${((100 * grown) / first).toFixed(1)} %`,
    grown <= MOST_GROWTH_MEBIBYTES && grown <= MOST_GROWTH * first,
    `at most ${MOST_GROWTH_MEBIBYTES} MiB and ${100 * MOST_GROWTH} %`,
  )
}

export function check(what: string, holds: boolean, condition: string): void {
  console.log(`  ${what} (${condition}): ${holds ? 'ok' : 'FAILED'}`)
  if (!holds) process.exitCode = 1
}
