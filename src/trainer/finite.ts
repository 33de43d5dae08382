import { numbersOf } from '../engine/numbers.ts'
import { tf } from '../tensorflow.ts'

/**
 * The first variable of a model that has a value which is not finite, such as features.3/kernel; null when there is none.
 * What such a model says is not to be believed, though it may be finite: in XNNPACK's ReLU NaN is 0.
 */
export async function brokenWeight({ weights }: Pick<tf.LayersModel, 'weights'>): Promise<string | null> {
  if (weights.length === 0) return null
  const flags = finiteness(weights.map((weight) => weight.read()))
  try {
    const finite = await numbersOf(flags)
    return weights.find((_, i) => Number.isNaN(finite[i]))?.originalName ?? null
  } finally {
    flags.dispose()
  }
}

/** For each tensor 0 where all of its values are finite, else NaN: [tensors]. */
export function finiteness(tensors: readonly tf.Tensor[]): tf.Tensor1D {
  // 0 * NaN and 0 * Infinity are NaN; every engine has these two operations, and reading one number waits but once.
  // The products of one tensor go before those of the next: all of them would be as large as the network.
  return tf.tidy(() => tf.stack(tensors.map((it) => tf.tidy(() => it.mul(0).sum()))) as tf.Tensor1D)
}
