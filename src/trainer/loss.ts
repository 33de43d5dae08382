import type { ImageBatch } from '../data/batches.ts'
import { fusedLayers } from '../engine/fused.ts'
import { tf } from '../tensorflow.ts'

/**
 * The mean soft-max cross-entropy in nats of logits [n, classes], with labels smoothed to
 * (1 - labelSmoothing) * onehot + labelSmoothing / classes, and how many rows are most likely their label.
 */
export function crossEntropy(
  logits: tf.Tensor2D,
  labels: Int32Array,
  labelSmoothing: number,
): { loss: tf.Scalar; correct: tf.Scalar } {
  const fused = fusedLayers(tf)
  if (fused !== undefined) return fused.crossEntropy(logits, labels, labelSmoothing)
  const truth = tf.tensor1d(labels, 'int32')
  const target = tf.oneHot(truth, logits.shape[1]).toFloat()
  return {
    loss: tf.losses.softmaxCrossEntropy(target, logits, undefined, labelSmoothing) as tf.Scalar,
    correct: tf.tidy(() => logits.argMax(1).equal(truth.toInt()).sum()),
  }
}

/**
 * The cross-entropy of a batch's logits [n, classes]. Where its images are blended (mixup), each label counts by its
 * share, and right is who names the larger one's.
 */
export function batchLoss(
  logits: tf.Tensor2D,
  { y, mixed }: Pick<ImageBatch, 'y' | 'mixed'>,
  labelSmoothing: number,
): { loss: tf.Scalar; correct: tf.Scalar } {
  const { loss, correct } = crossEntropy(logits, y, labelSmoothing)
  if (mixed === undefined) return { loss, correct }
  const other = crossEntropy(logits, mixed.y, labelSmoothing).loss
  return { loss: loss.mul(mixed.share).add(other.mul(1 - mixed.share)), correct }
}
