import type { Hyperparameters } from './hyperparameters.ts'

/** The hyperparameters that may change while a run is under way. */
export type Changeable = Pick<Hyperparameters, 'learningRate' | 'schedule' | 'epochs'>

/** New values of some of them. */
export interface ChangedValues extends Partial<Changeable> {
  /** The rest of the schedule goes on from the rate of the step before it (continuedRateAt). */
  continueFromLastRate?: true
}

/** A change that counts from a step on: steps done when it took effect. */
export interface Change extends ChangedValues {
  step: number
}

/** Steps after which one run may be changed: each change is in its row, and goes to its trainer. */
export const MAX_CHANGES = 256

/** A run's hyperparameters as they are for the step after `step` others: a function of nothing but these. */
export function hyperparametersAt(
  hyperparameters: Hyperparameters,
  changes: readonly Change[],
  step: number,
): Hyperparameters {
  const made = changes.filter((change) => change.step <= step).map(valuesOf)
  return Object.assign({}, hyperparameters, ...made) as Hyperparameters
}

/** As they are in the end. */
export function latestHyperparameters(
  hyperparameters: Hyperparameters,
  changes: readonly Change[],
): Hyperparameters {
  return hyperparametersAt(hyperparameters, changes, Number.POSITIVE_INFINITY)
}

/** The hyperparameters in a change, without its step and how the rate goes on. */
export function valuesOf({ step: _, continueFromLastRate: __, ...values }: Change): Partial<Changeable> {
  return values
}

/** Whether the rate follows the schedule from its beginning again, unless the change says otherwise. */
export function restartsSchedule({ learningRate, schedule }: Partial<Changeable>): boolean {
  return learningRate !== undefined || schedule !== undefined
}

/**
 * The changes with one more, by step, one for each. What was asked for last holds: no step is trained between changes at
 * the same one, and later steps, which are going to be trained again, no longer change the same values, nor go on from
 * a rate that they would not have had.
 */
export function withChange(changes: readonly Change[], added: Change): Change[] {
  const { step } = added
  const before = changes.filter((change) => change.step < step)
  const later = changes.flatMap((change) => {
    if (change.step <= step) return []
    const rest = Object.entries(valuesOf(change)).filter(([field]) => !Object.hasOwn(added, field))
    return rest.length > 0 ? [{ step: change.step, ...Object.fromEntries(rest) }] : []
  })
  return [
    ...before,
    merged(
      changes.find((change) => change.step === step),
      added,
    ),
    ...later,
  ]
}

function merged(one: Change | undefined, added: Change): Change {
  const both = { ...one, ...added }
  if (added.continueFromLastRate === undefined && restartsSchedule(added)) delete both.continueFromLastRate
  return both
}

/** Why one more is refused; null when it is not. */
export function whyNotChange(changes: readonly Change[], added: Change): string | null {
  if (added.continueFromLastRate && added.step === 0) {
    return 'continueFromLastRate: no step is trained yet, so there is no last rate to go on from.'
  }
  if (withChange(changes, added).length <= MAX_CHANGES) return null
  return `It was changed at ${MAX_CHANGES} different steps already, and that is the most. Let a schedule change the rate, or fork the run: start one with transfer: { from }.`
}

/** Why a run is not changed to so many epochs when so many are done. */
export function tooFewEpochs(epochs: number, done: number): string {
  return `epochs: ${done} are done already; ${epochs} would be in the past.`
}
