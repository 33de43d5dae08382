import type { MeasuredPoint } from '../model/measurements.ts'

/** What of a loss point has to come again, bit by bit. */
export type ComparedPoint = Pick<MeasuredPoint, 'step' | 'loss' | 'nonFinite'>

/** The first loss point that did not come again as it was stored. */
export interface LossDifference {
  /** The last step of its window: one of the window's steps is the first that went another way. */
  step: number
  /** Mean loss in nats; null where it is not finite, or where there is no point. */
  expected: number | null
  actual: number | null
  /** actual - expected; null where one of them is. */
  difference: number | null
}

/**
 * The first of the stored points that the points trained again do not equal in every bit; null when there is none. A
 * training that ended earlier than the stored one differs where its points end.
 */
export function firstDifference(
  stored: readonly ComparedPoint[],
  again: readonly ComparedPoint[],
): LossDifference | null {
  for (const [index, one] of stored.entries()) {
    const other = again[index] as ComparedPoint | undefined
    if (one.step === other?.step && one.loss === other.loss && one.nonFinite === other.nonFinite) continue
    const [expected, actual] = [one.loss, other?.loss ?? null]
    return {
      step: Math.min(one.step, other?.step ?? one.step),
      expected,
      actual,
      difference: expected === null || actual === null ? null : actual - expected,
    }
  }
  return null
}
