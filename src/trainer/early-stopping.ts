import type { EarlyStopping } from '../runs/model/hyperparameters.ts'
import type { EvaluationResult } from './protocol.ts'

/** An epoch with what its test came to. */
export interface TestedEpoch {
  epoch: number
  /** Steps done at its end. */
  step: number
  evaluation: EvaluationResult
}

/** The best epoch so far, and how many epochs have passed since without a better one. */
export interface EarlyStoppingState {
  best: TestedEpoch | null
  waited: number
}

export const NO_EPOCH_YET: EarlyStoppingState = { best: null, waited: 0 }

/** What is known after one more epoch. One without figures (EvaluationResult) is no better than any, also when it is the first. */
export function afterEpoch(
  rule: EarlyStopping,
  { best, waited }: EarlyStoppingState,
  epoch: TestedEpoch,
): EarlyStoppingState {
  const value = scoreOf(rule, epoch.evaluation)
  const before = best === null ? null : scoreOf(rule, best.evaluation)
  const isBetter = value !== null && (before === null || value > before + rule.minDelta)
  return isBetter ? { best: epoch, waited: 0 } : { best, waited: waited + 1 }
}

/** Higher is better. */
function scoreOf({ metric }: EarlyStopping, { loss, accuracy }: EvaluationResult): number | null {
  if (metric === 'TEST_ACCURACY') return accuracy
  return loss === null ? null : -loss
}
