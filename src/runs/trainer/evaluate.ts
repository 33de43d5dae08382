import * as tf from '@tensorflow/tfjs'
import type { ImageBatch } from '../../data/batches.ts'
import { forwardOf } from '../../zoo/forward.ts'
import type { EvaluationResult } from './protocol.ts'

/** Counts what a model gets right, batch by batch, without training it. */
export interface Evaluator {
  add(batch: ImageBatch): Promise<void>
  result(): EvaluationResult
}

/** @param inputShape  [height, width, channels] of the model */
export function createEvaluator(
  model: tf.LayersModel,
  inputShape: readonly [number, number, number],
  classes: number,
): Evaluator {
  const confusionMatrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  let lossSum = 0
  let top5 = 0
  let count = 0
  const forward = forwardOf(model, { training: false })
  return {
    async add(batch) {
      const logits = tf.tidy(() => forward(tf.tensor4d(batch.x, [batch.size, ...inputShape])))
      try {
        const values = await logits.data()
        for (let i = 0; i < batch.size; i++) {
          const row = values.subarray(i * classes, (i + 1) * classes)
          const label = batch.y[i]
          lossSum += crossEntropy(row, label)
          confusionMatrix[label][argMax(row)] += 1
          if (rankOf(row, label) < 5) top5 += 1
          count += 1
        }
      } finally {
        logits.dispose()
      }
    },
    result() {
      const correct = confusionMatrix.reduce((sum, row, i) => sum + row[i], 0)
      const loss = lossSum / count
      return {
        loss: Number.isFinite(loss) ? loss : null,
        accuracy: correct / count,
        top5Accuracy: top5 / count,
        confusionMatrix,
        count,
      }
    },
  }
}

type Row = ArrayLike<number>

/** log(sum(exp(logits))) - logits[label], with the largest logit taken out so that exp cannot overflow. */
function crossEntropy(logits: Row, label: number): number {
  const largest = logits[argMax(logits)]
  let sum = 0
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i] - largest)
  return Math.log(sum) + largest - logits[label]
}

function argMax(values: Row): number {
  let best = 0
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i
  return best
}

/** How many classes are more likely than `label`; ties count for the label. */
function rankOf(logits: Row, label: number): number {
  let rank = 0
  for (let i = 0; i < logits.length; i++) if (logits[i] > logits[label]) rank += 1
  return rank
}
