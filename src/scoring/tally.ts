import type { ConfusionCell, EvaluationResult, Mistake } from '../models/evaluation-result.ts'
import { createMistakeWriter } from './mistakes.ts'

/** A page of the API; 100 of them are 11 kB of JSON in the row of a run. */
export const MAX_MISTAKES = 100

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
  /** Every mistake, as mistakes.ts writes them. */
  mistakes(): Uint8Array
}

/**
 * Classes are ranked by logit, equal ones by their index: the first in rank is the predicted class, and every right answer
 * is among the five most likely. An image with a logit that is not finite has no answer (EvaluationResult).
 */
export function createTally(classes: number): Tally {
  /** Images by label * classes + predicted. */
  const cells = new Map<number, number>()
  const mistakes: Mistake[] = []
  const writer = createMistakeWriter(classes)
  let lossSum = 0
  let correct = 0
  let top5 = 0
  let answered = 0
  let count = 0

  function addAnswer(logits: ArrayLike<number>, label: number): void {
    const predicted = first(logits)
    // The largest logit is taken out so that exp cannot overflow.
    const largest = logits[predicted]
    let sum = 0
    for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i] - largest)
    lossSum += Math.log(sum) + largest - logits[label]
    const cell = label * classes + predicted
    cells.set(cell, (cells.get(cell) ?? 0) + 1)
    if (predicted === label) correct += 1
    if (rankOf(logits, label) < 5) top5 += 1
    if (predicted === label) return
    const probability = (i: number) => Math.exp(logits[i] - largest) / sum
    const confidence = probability(predicted)
    writer.add(count, label, predicted, probability)
    if (isAmong(mistakes, confidence)) {
      insert(mistakes, {
        index: count,
        label,
        predicted,
        confidence,
        trueConfidence: probability(label),
      })
    }
  }

  return {
    add(logits, label) {
      if (isAnswer(logits)) {
        addAnswer(logits, label)
        answered += 1
      }
      count += 1
    },
    result() {
      const mean = (sum: number) => (answered === count ? sum / count : null)
      return {
        loss: mean(lossSum),
        accuracy: mean(correct),
        top5Accuracy: mean(top5),
        confusion: [...cells]
          .sort(([one], [other]) => one - other)
          .map(([cell, images]): ConfusionCell => [Math.floor(cell / classes), cell % classes, images]),
        count,
        mistakes,
      }
    },
    mistakes: writer.bytes,
  }
}

/** Whether a network said what an image is: all of its logits are finite. */
export function isAnswer(logits: ArrayLike<number>): boolean {
  for (let i = 0; i < logits.length; i++) if (!Number.isFinite(logits[i])) return false
  return true
}

function isBefore(logits: ArrayLike<number>, one: number, other: number): boolean {
  return logits[one] > logits[other] || (logits[one] === logits[other] && one < other)
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

function isAmong(mistakes: readonly Mistake[], confidence: number): boolean {
  return mistakes.length < MAX_MISTAKES || confidence > mistakes[MAX_MISTAKES - 1]!.confidence
}

/** Behind those of the same confidence, whose indexes are smaller. */
function insert(mistakes: Mistake[], mistake: Mistake): void {
  let at = mistakes.length
  while (at > 0 && mistakes[at - 1]!.confidence < mistake.confidence) at -= 1
  mistakes.splice(at, 0, mistake)
  if (mistakes.length > MAX_MISTAKES) mistakes.pop()
}
