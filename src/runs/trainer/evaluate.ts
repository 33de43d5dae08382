import * as tf from '@tensorflow/tfjs'
import type { ImageBatch } from '../../data/batches.ts'
import { numbersOf } from '../../engine/numbers.ts'
import type { EvaluationResult } from '../../evaluation/result.ts'
import { createTally } from '../../evaluation/tally.ts'
import { forwardOf } from '../../zoo/forward.ts'

/** Counts what a model gets right, batch by batch, without training it. */
export interface Evaluator {
  /** The batches of a split in its own order: a mistake is known by its place. */
  add(batch: ImageBatch): Promise<void>
  result(): EvaluationResult
}

/** @param inputShape  [height, width, channels] of the model */
export function createEvaluator(
  model: tf.LayersModel,
  inputShape: readonly [number, number, number],
  classes: number,
): Evaluator {
  const tally = createTally(classes)
  const forward = forwardOf(model, { training: false })
  return {
    async add(batch) {
      const logits = tf.tidy(() => forward(tf.tensor4d(batch.x, [batch.size, ...inputShape])))
      try {
        const values = await numbersOf(logits)
        for (let i = 0; i < batch.size; i++)
          tally.add(values.subarray(i * classes, (i + 1) * classes), batch.y[i])
      } finally {
        logits.dispose()
      }
    },
    result: tally.result,
  }
}
