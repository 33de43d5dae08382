import { type Change, restartsSchedule, valuesOf } from './changes.ts'
import type { Hyperparameters } from './hyperparameters.ts'
import { continuedRateAt, learningRateAt, type RateStart } from './schedule.ts'

/**
 * The learning rate of a step of a run: that of its schedule, or, behind a change with continueFromLastRate, of the rest of
 * its schedule from that change on. More epochs make the rest longer; another learning rate or schedule ends it, unless
 * they say continueFromLastRate as well. A function of nothing but these: whoever trains the step again has the same rate.
 *
 * @param changes  by step, one for each
 * @param step     0-based
 */
export function learningRateOf(
  hyperparameters: Hyperparameters,
  changes: readonly Change[],
  step: number,
  stepsPerEpoch: number,
): number {
  let now = hyperparameters
  let start: RateStart | null = null
  for (const change of changes) {
    if (change.step > step) break
    if (change.continueFromLastRate) start = { step: change.step, rate: rateAt(change.step - 1) }
    else if (restartsSchedule(change)) start = null
    now = { ...now, ...valuesOf(change) }
  }
  return rateAt(step)

  function rateAt(step: number): number {
    const { schedule, learningRate, epochs } = now
    const steps = stepsPerEpoch * epochs
    return start === null
      ? learningRateAt(schedule, learningRate, step, stepsPerEpoch, steps)
      : continuedRateAt(schedule, learningRate, start, step, stepsPerEpoch, steps)
  }
}

/** What a change did to the learning rate. */
export interface RateChange {
  /** The rate of the last step before the change; null when there is none. */
  rateBefore: number | null
  /** The rate of the first step after it; null when there is none, and while the number of steps is not known. */
  rateAfter: number | null
}

/**
 * @param step           of a change, which is among the changes
 * @param stepsPerEpoch  0 or NaN before the data set is known
 */
export function rateChangeAt(
  hyperparameters: Hyperparameters,
  changes: readonly Change[],
  step: number,
  stepsPerEpoch: number,
): RateChange {
  if (!(stepsPerEpoch > 0)) return { rateBefore: null, rateAfter: null }
  const made = changes.filter((change) => change.step <= step)
  const epochs = made.findLast((change) => change.epochs !== undefined)?.epochs ?? hyperparameters.epochs
  const rate = (at: number) => learningRateOf(hyperparameters, made, at, stepsPerEpoch)
  return {
    rateBefore: step === 0 ? null : rate(step - 1),
    rateAfter: step >= stepsPerEpoch * epochs ? null : rate(step),
  }
}
