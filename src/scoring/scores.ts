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
 * With tp = m[c][c], fn = the rest of row c and fp = the rest of column c:
 *
 *   precision = tp / (tp + fp)    recall = tp / (tp + fn)    F1 = 2 tp / (2 tp + fp + fn)
 *
 * @param confusionMatrix  [true class][predicted class], counts of images
 */
export function scoreClasses(confusionMatrix: readonly (readonly number[])[]): ClassScore[] {
  return confusionMatrix.map((row, c) => {
    const right = row[c]!
    const count = row.reduce((sum, n) => sum + n, 0)
    const predicted = confusionMatrix.reduce((sum, each) => sum + each[c]!, 0)
    return {
      precision: ratio(right, predicted),
      recall: ratio(right, count),
      f1: ratio(2 * right, count + predicted),
      count,
      predicted,
    }
  })
}

const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole)
