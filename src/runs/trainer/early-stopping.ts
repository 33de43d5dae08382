import type { EarlyStopping } from '../hyperparameters.ts'
import type { EvaluationResult } from './protocol.ts'

/** The best epoch so far, and how many epochs have passed since without a better one. */
export interface EarlyStoppingState {
  best: { epoch: number; step: number; evaluation: EvaluationResult } | null
  waited: number
}

export const NO_EPOCH_YET: EarlyStoppingState = { best: null, waited: 0 }

/** What is known after one more epoch. Of a loss that is not finite nothing is better than anything. */
export function afterEpoch(
  rule: EarlyStopping,
  { best, waited }: EarlyStoppingState,
  epoch: { epoch: number; step: number; evaluation: EvaluationResult },
): EarlyStoppingState {
  const value = scoreOf(rule, epoch.evaluation)
  const before = best === null ? null : scoreOf(rule, best.evaluation)
  const isBetter = value !== null && (before === null || value > before + rule.minDelta)
  return isBetter || best === null ? { best: epoch, waited: 0 } : { best, waited: waited + 1 }
}

/** Higher is better. */
function scoreOf({ metric }: EarlyStopping, { loss, accuracy }: EvaluationResult): number | null {
  if (metric === 'TEST_ACCURACY') return accuracy
  return loss === null ? null : -loss
}
