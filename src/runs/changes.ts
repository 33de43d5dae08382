import type { Hyperparameters } from './hyperparameters.ts'

/** What of a run's hyperparameters may change on its way. */
export type Changeable = Pick<Hyperparameters, 'learningRate' | 'schedule' | 'epochs'>

/** A change that counts from a step on: steps done when it took effect. */
export interface Change extends Partial<Changeable> {
  step: number
}

/** A run's hyperparameters as they are for the step after `step` others: a function of nothing but these. */
export function hyperparametersAt(
  hyperparameters: Hyperparameters,
  changes: readonly Change[],
  step: number,
): Hyperparameters {
  const made = changes.filter((change) => change.step <= step).map(({ step: _, ...values }) => values)
  return Object.assign({}, hyperparameters, ...made) as Hyperparameters
}

/** As they are in the end. */
export function latestHyperparameters(
  hyperparameters: Hyperparameters,
  changes: readonly Change[],
): Hyperparameters {
  return hyperparametersAt(hyperparameters, changes, Number.POSITIVE_INFINITY)
}

/**
 * The changes with one more, by step. What was asked for last holds: later steps, which are going to be trained again,
 * no longer change the same values.
 */
export function withChange(changes: readonly Change[], added: Change): Change[] {
  const { step: _, ...values } = added
  const kept = changes.flatMap((change) => {
    if (change.step <= added.step) return [change]
    const rest = Object.fromEntries(Object.entries(change).filter(([field]) => !Object.hasOwn(values, field)))
    return Object.keys(rest).length > 1 ? [rest as unknown as Change] : []
  })
  const at = kept.findIndex((change) => change.step > added.step)
  return at < 0 ? [...kept, added] : kept.toSpliced(at, 0, added)
}
