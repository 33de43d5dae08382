import type { ConfusionCell } from '../models/evaluation-result.ts'

/** How one class does against all others. */
export interface ClassScore {
  /** Images that were taken for it and are of it, among all that were taken for it; null when none was. */
  precision: number | null
  /** Images of it that were recognised, among all of it; null when none was seen. */
  recall: number | null
  /** The harmonic mean of both; null when none was seen and none was taken for it. */
  f1: number | null
  /** Images of it that were seen. */
  count: number
  /** Images that were taken for it. */
  predicted: number
}

/**
 * The scores of each class by the usual definitions (C. J. van Rijsbergen, Information Retrieval, 2nd ed. 1979, ch. 7).
 * With tp the images of class c that were taken for it, fn its others, and fp the others that were taken for it:
 *
 *   precision = tp / (tp + fp)    recall = tp / (tp + fn)    F1 = 2 tp / (2 tp + fp + fn)
 */
export function scoreClasses(confusion: readonly ConfusionCell[], classes: number): ClassScore[] {
  const [right, count, predicted] = Array.from({ length: 3 }, () => new Array<number>(classes).fill(0))
  for (const [label, as, images] of confusion) {
    if (label === as) right![label]! += images
    count![label]! += images
    predicted![as]! += images
  }
  return right!.map((tp, c) => ({
    precision: ratio(tp, predicted![c]!),
    recall: ratio(tp, count![c]!),
    f1: ratio(2 * tp, count![c]! + predicted![c]!),
    count: count![c]!,
    predicted: predicted![c]!,
  }))
}

/**
 * The mean of the recalls of the classes that were seen (Brodersen et al., ICPR 2010): a class of few images counts as
 * much as one of many, so that who always names the largest of n classes has 1 / n. Null where none was seen.
 */
export function balancedAccuracy(confusion: readonly ConfusionCell[], classes: number): number | null {
  const recalls = scoreClasses(confusion, classes).flatMap(({ recall }) => recall ?? [])
  return ratio(
    recalls.reduce((sum, recall) => sum + recall, 0),
    recalls.length,
  )
}

const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole)

/** A class that was taken for another one. Classes are indexes. */
export interface Confusion {
  label: number
  predicted: number
  count: number
  /** Of the images of the true class that were answered. */
  share: number
}

/** The most frequent ones first, equal ones by their classes. */
export function worstConfusions(confusion: readonly ConfusionCell[], first: number): Confusion[] {
  const counts = new Map<number, number>()
  for (const [label, , images] of confusion) counts.set(label, (counts.get(label) ?? 0) + images)
  return confusion
    .filter(([label, predicted]) => label !== predicted)
    .sort((one, other) => other[2] - one[2] || one[0] - other[0] || one[1] - other[1])
    .slice(0, first)
    .map(([label, predicted, count]) => ({ label, predicted, count, share: count / counts.get(label)! }))
}

/** [true class][predicted class], counts of images. */
export function confusionMatrix(confusion: readonly ConfusionCell[], classes: number): number[][] {
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  for (const [label, predicted, images] of confusion) matrix[label]![predicted] = images
  return matrix
}
