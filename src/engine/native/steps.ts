import type * as tf from '@tensorflow/tfjs'
import type { AdamOptions, SgdOptions } from '../fused.ts'
import type { NativeBackend } from './backend.ts'

/** One pass over memory for all that an optimizer does to a variable. Answers whether the gradient was finite. */
export function sgdStep(
  backend: NativeBackend,
  variable: tf.Variable,
  gradient: tf.Tensor,
  velocity: tf.Variable | null,
  { learningRate, momentum, nesterov, weightDecay }: SgdOptions,
): boolean {
  const finite = backend.addon.sgdStep(
    backend.writable(variable),
    backend.values(gradient),
    velocity === null ? null : backend.writable(velocity),
    learningRate,
    momentum,
    weightDecay,
    nesterov,
  )
  return finite === 1
}

export function adamStep(
  backend: NativeBackend,
  variable: tf.Variable,
  gradient: tf.Tensor,
  mean: tf.Variable,
  square: tf.Variable,
  { learningRate, beta1, beta2, epsilon, weightDecay, step }: AdamOptions,
): boolean {
  // The betas as the addon has them: of a beta2 of 0.999 as float32, what is left to 1 is 0.005% more than 0.001.
  const [decay1, decay2] = [Math.fround(beta1), Math.fround(beta2)]
  const finite = backend.addon.adamStep(
    backend.writable(variable),
    backend.values(gradient),
    backend.writable(mean),
    backend.writable(square),
    beta1,
    beta2,
    epsilon,
    learningRate / (1 - decay1 ** step),
    1 / (1 - decay2 ** step),
    1 - learningRate * weightDecay,
  )
  return finite === 1
}
