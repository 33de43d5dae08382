import type { ImageBatch } from '../data/batches.ts'
import { fusedLayers } from '../engine/fused.ts'
import { tf } from '../tensorflow.ts'

export interface LossOptions {
  labelSmoothing: number
  /** [classes]; null for all alike. */
  classWeights: Float32Array | null
}

/** What a step learns by, and how many rows are most likely their label. */
export interface BatchLoss {
  loss: tf.Scalar
  correct: tf.Scalar
}

/**
 * The mean soft-max cross-entropy in nats of logits [n, classes], with labels smoothed to
 * (1 - labelSmoothing) * onehot + labelSmoothing / classes, and how many rows are most likely their label.
 */
export function crossEntropy(logits: tf.Tensor2D, labels: Int32Array, labelSmoothing: number): BatchLoss {
  const fused = fusedLayers(tf)
  if (fused !== undefined) return fused.crossEntropy(logits, labels, labelSmoothing)
  const truth = tf.tensor1d(labels, 'int32')
  const target = tf.oneHot(truth, logits.shape[1]).toFloat()
  return {
    loss: tf.losses.softmaxCrossEntropy(target, logits, undefined, labelSmoothing) as tf.Scalar,
    correct: correctOf(logits, labels),
  }
}

/**
 * The same with a weight for each class, as PyTorch's CrossEntropyLoss(weight) has it: the mean of the rows' losses by the
 * weights of their labels. A smoothed label's share of each class counts by that class's weight.
 *
 * @param weights  [classes]
 */
function weightedCrossEntropy(
  logits: tf.Tensor2D,
  labels: Int32Array,
  labelSmoothing: number,
  weights: Float32Array,
): BatchLoss {
  const [rows, classes] = logits.shape
  const sum = labels.reduce((total, label) => total + weights[label]!, 0)
  // targets: [n, classes], divided already
  const targets = new Float32Array(rows * classes)
  for (const [row, label] of labels.entries()) {
    for (let c = 0; c < classes; c++) {
      const target = labelSmoothing / classes + (c === label ? 1 - labelSmoothing : 0)
      targets[row * classes + c] = (target * weights[c]!) / sum
    }
  }
  return {
    loss: tf
      .logSoftmax(logits)
      .mul(tf.tensor2d(targets, [rows, classes]))
      .sum<tf.Scalar>()
      .neg(),
    correct: correctOf(logits, labels),
  }
}

function correctOf(logits: tf.Tensor2D, labels: Int32Array): tf.Scalar {
  return tf.tidy(() => logits.argMax(1).equal(tf.tensor1d(labels, 'int32')).sum())
}

/**
 * The cross-entropy of a batch's logits [n, classes]. Where its images are blended (mixup), each label counts by its
 * share, and right is who names the larger one's.
 */
export function batchLoss(
  logits: tf.Tensor2D,
  { y, mixed }: Pick<ImageBatch, 'y' | 'mixed'>,
  { labelSmoothing, classWeights }: LossOptions,
): BatchLoss {
  const of = (labels: Int32Array) =>
    classWeights === null
      ? crossEntropy(logits, labels, labelSmoothing)
      : weightedCrossEntropy(logits, labels, labelSmoothing, classWeights)
  const { loss, correct } = of(y)
  if (mixed === undefined) return { loss, correct }
  return { loss: loss.mul(mixed.share).add(of(mixed.y).loss.mul(1 - mixed.share)), correct }
}
