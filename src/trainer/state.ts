import type { EarlyStoppingState, TestedEpoch } from './early-stopping.ts'
import type { MeterState } from './meters.ts'
import type { EvaluationResult } from './protocol.ts'

/**
 * Where the training loop stands between two steps, as plain data. With the weights and the optimizer's slots it is
 * everything that the steps to come depend on: order, augmentation and dropout are functions of the run's seed and of
 * these counters (src/random.ts), and the learning rate of the run's hyperparameters and changes.
 */
export interface TrainerState {
  /** Steps trained. */
  step: number
  /** Epochs trained and evaluated. */
  epoch: number
  /** In the whole run, as it was asked for then. */
  epochs: number
  /** How often the optimizer changed the weights: fewer than `step` where steps that were not finite were left out. */
  updates: number
  /** Of the epoch under way. */
  whole: MeterState
  /** Of the steps since the last loss point. */
  window: MeterState
  earlyStopping: EarlyStoppingState
  /** Test accuracies of the best epochs, as many as are kept for theirs, from the highest on. */
  highest: number[]
  /** The last saved epoch whose test has figures: what the run comes to without early stopping. */
  lastFinite: TestedEpoch | null
  /** Of the last epoch; null before the first has ended. */
  evaluation: EvaluationResult | null
}

/** The name of a slot's tensor in the file of a state. */
export function slotName(variable: string, role: string): string {
  return `${variable}/${role}`
}

/** Where the file of a state has the counters: an entry of its metadata, in JSON. */
export const STATE_KEY = 'state'
