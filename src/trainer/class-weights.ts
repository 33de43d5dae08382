import type { ClassWeights } from '../runs/model/hyperparameters.ts'

/**
 * The weight of each class in the loss: [classes]. Balanced ones are images / (classes * images of the class), as
 * scikit-learn's compute_class_weight has them: each class weighs as much as another, and an image 1 on average. A class
 * without an image weighs nothing.
 *
 * @param labels  of the images that are trained
 */
export function classWeightsOf(
  weights: ClassWeights,
  labels: ArrayLike<number>,
  classes: number,
): Float32Array {
  if (weights !== 'BALANCED') return Float32Array.from(weights)
  const counts = new Float64Array(classes)
  for (let i = 0; i < labels.length; i++) counts[labels[i]!] += 1
  return Float32Array.from(counts, (count) => (count === 0 ? 0 : labels.length / (classes * count)))
}
