import type * as tf from '@tensorflow/tfjs'

/** What follows a layer's sums in the same pass over memory: ReLU, then the largest of each 2x2 block. */
export interface After {
  relu: boolean
  pool: boolean
}

export interface SgdOptions {
  learningRate: number
  momentum: number
  nesterov: boolean
  weightDecay: number
}

export interface AdamOptions {
  learningRate: number
  beta1: number
  beta2: number
  epsilon: number
  weightDecay: number
  /** From 1 on. */
  step: number
}

/**
 * Layers and steps of training as one operation each, for engines that have kernels for them. They are the same
 * functions as the operations of TensorFlow.js that they stand for, up to rounding, and have gradients. The gradients
 * take the memory of what they were given, so that a network must be a chain, each result used once: another one is
 * computed by the operations of TensorFlow.js (zoo/forward.ts).
 */
export interface FusedLayers {
  /**
   * [n, h, w, ci] -> [n, h, w, co], or half of h and w: stride 1, zeros around. Without `biasGradient` the gradient of
   * the bias is zero: it is in truth where batch norm comes next, which takes away whatever the bias adds.
   */
  convolution(
    x: tf.Tensor4D,
    filter: tf.Tensor4D,
    bias: tf.Tensor1D,
    after: After & { biasGradient: boolean },
  ): tf.Tensor4D
  /** Batch norm by the batch's own statistics, which are returned: mean and biased variance, [c]. */
  normalization(
    x: tf.Tensor4D,
    gamma: tf.Tensor1D,
    beta: tf.Tensor1D,
    epsilon: number,
    after: After,
  ): { y: tf.Tensor4D; mean: tf.Tensor1D; variance: tf.Tensor1D }
  /** x * scale + shift for every channel. It has no gradient. */
  scaleShift(x: tf.Tensor4D, scale: tf.Tensor1D, shift: tf.Tensor1D, after: After): tf.Tensor4D
  /** [n, inputs] -> [n, outputs] */
  dense(x: tf.Tensor2D, weights: tf.Tensor2D, bias: tf.Tensor1D, relu: boolean): tf.Tensor2D
  /** @param state  of src/random.ts: what is dropped is the same on every engine */
  dropout(x: tf.Tensor, rate: number, state: Int32Array): tf.Tensor
  /** The mean soft-max cross-entropy in nats, and how many rows have their label's logit as the first of the largest. */
  crossEntropy(
    logits: tf.Tensor2D,
    labels: Int32Array,
    labelSmoothing: number,
  ): { loss: tf.Scalar; correct: tf.Scalar }
  /** Zeros of a variable's shape, in memory that steps can change in place. */
  zerosLike(variable: tf.Variable): tf.Tensor
  /** Gives a variable memory that steps can change in place, before the first of them does: then memory is short. */
  settle(variable: tf.Variable): void
  /**
   * Changes the variable in place; without momentum there is no velocity. See optimizer.ts for the rules. Answers
   * whether all of the gradient was finite.
   */
  sgdStep(
    variable: tf.Variable,
    gradient: tf.Tensor,
    velocity: tf.Variable | null,
    options: SgdOptions,
  ): boolean
  adamStep(
    variable: tf.Variable,
    gradient: tf.Tensor,
    mean: tf.Variable,
    square: tf.Variable,
    options: AdamOptions,
  ): boolean
}

const byBackend = new Map<string, FusedLayers>()

export function registerFusedLayers(backendName: string, layers: FusedLayers): void {
  byBackend.set(backendName, layers)
}

/** Those of TensorFlow.js' present engine, if it has any. */
export function fusedLayers({ getBackend }: Pick<typeof tf, 'getBackend'>): FusedLayers | undefined {
  return byBackend.get(getBackend())
}
