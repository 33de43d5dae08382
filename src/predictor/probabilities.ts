import { NonFiniteAnswerError } from './errors.ts'
import type { ClassProbability } from './protocol.ts'

/**
 * The soft-max of the logits of one picture with their labels, most likely first. In float64, where ten terms
 * add up to 1 within 1e-15; float32 has 1e-7 for each.
 *
 * @throws NonFiniteAnswerError when a logit is not finite
 */
export function rankedSoftmax(logits: ArrayLike<number>, labels: readonly string[]): ClassProbability[] {
  const scores = Array.from(logits)
  const wrong = scores.find((score) => !Number.isFinite(score))
  if (wrong !== undefined) {
    throw new NonFiniteAnswerError(`The network answers ${wrong}: its training diverged. Use another model.`)
  }
  // Without the largest, exp of a logit above 709 is infinite.
  const largest = Math.max(...scores)
  const powers = scores.map((score) => Math.exp(score - largest))
  const sum = powers.reduce((total, power) => total + power, 0)
  return labels
    .map((label, index) => ({ label, probability: powers[index]! / sum }))
    .sort((one, other) => other.probability - one.probability)
}
