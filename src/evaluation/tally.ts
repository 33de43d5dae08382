import { type EvaluationResult, MAX_MISTAKES, type Mistake } from './result.ts'

/** Counts what a network gets right, logits by logits. */
export interface Tally {
  /**
   * One test image: they come in the order of their split, the first one first.
   *
   * @param logits  one for each class
   * @param label   index of the true class
   */
  add(logits: ArrayLike<number>, label: number): void
  result(): EvaluationResult
}

/**
 * Classes are ranked by logit, equal ones by their index; what is not a number comes last. So the first in rank is the
 * predicted class, every right answer is among the five most likely, and a dead network is as good as chance.
 */
export function createTally(classes: number): Tally {
  const confusionMatrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  const mistakes: Mistake[] = []
  let lossSum = 0
  let top5 = 0
  let count = 0

  function add(logits: ArrayLike<number>, label: number): void {
    const predicted = first(logits)
    // The largest logit is taken out so that exp cannot overflow.
    const largest = logits[predicted]
    let sum = 0
    for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i] - largest)
    lossSum += Math.log(sum) + largest - logits[label]
    confusionMatrix[label][predicted] += 1
    if (rankOf(logits, label) < 5) top5 += 1
    if (predicted !== label) {
      const probability = (i: number) => finite(Math.exp(logits[i] - largest) / sum)
      const confidence = probability(predicted)
      if (isAmong(mistakes, confidence)) {
        insert(mistakes, {
          index: count,
          label,
          predicted,
          confidence,
          trueConfidence: confidence === null ? null : probability(label),
        })
      }
    }
    count += 1
  }

  return {
    add,
    result() {
      const correct = confusionMatrix.reduce((sum, row, i) => sum + row[i], 0)
      return {
        loss: finite(lossSum / count),
        accuracy: correct / count,
        top5Accuracy: top5 / count,
        confusionMatrix,
        count,
        mistakes,
      }
    },
  }
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null)

function isBefore(logits: ArrayLike<number>, one: number, other: number): boolean {
  const a = Number.isNaN(logits[one]) ? Number.NEGATIVE_INFINITY : logits[one]
  const b = Number.isNaN(logits[other]) ? Number.NEGATIVE_INFINITY : logits[other]
  return a > b || (a === b && one < other)
}

function first(logits: ArrayLike<number>): number {
  let best = 0
  for (let i = 1; i < logits.length; i++) if (isBefore(logits, i, best)) best = i
  return best
}

/** How many classes come before `label`. */
function rankOf(logits: ArrayLike<number>, label: number): number {
  let rank = 0
  for (let i = 0; i < logits.length; i++) if (isBefore(logits, i, label)) rank += 1
  return rank
}

/** A mistake without a probability comes behind all that have one. */
const weight = (confidence: number | null) => confidence ?? -1

function isAmong(mistakes: readonly Mistake[], confidence: number | null): boolean {
  return mistakes.length < MAX_MISTAKES || weight(confidence) > weight(mistakes[MAX_MISTAKES - 1]!.confidence)
}

/** Behind those of the same confidence, whose indexes are smaller. */
function insert(mistakes: Mistake[], mistake: Mistake): void {
  let at = mistakes.length
  while (at > 0 && weight(mistakes[at - 1]!.confidence) < weight(mistake.confidence)) at -= 1
  mistakes.splice(at, 0, mistake)
  if (mistakes.length > MAX_MISTAKES) mistakes.pop()
}
