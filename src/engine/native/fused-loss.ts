import type * as tf from '@tensorflow/tfjs'
import { inPlaceOf, registerConsumingGradient } from './fused-gradient.ts'
import { registerFusedKernel } from './kernels.ts'

export function registerFusedLoss(): void {
  registerFusedKernel<{ logits: tf.TensorInfo }, { labels: Int32Array; smoothing: number }>(
    'VggzooCrossEntropy',
    ({ inputs: { logits }, attrs: { labels, smoothing }, backend }) => {
      const [rows, classes] = logits.shape as [number, number]
      const dx = backend.take(rows * classes)
      const losses = new Float32Array(rows)
      const hits = new Float32Array(rows)
      backend.addon.crossEntropy(rows, classes, backend.values(logits), labels, smoothing, dx, losses, hits)
      const sum = (values: Float32Array) => values.reduce((total, value) => total + value, 0)
      const [loss, correct] = [backend.take(1), backend.take(1)]
      loss[0] = sum(losses) / rows
      correct[0] = sum(hits)
      return [
        backend.output(loss, []),
        backend.output(correct, []),
        // The gradient comes with the probabilities: a second pass would compute them again.
        backend.output(dx, logits.shape),
      ]
    },
  )
  registerConsumingGradient(
    'VggzooCrossEntropy',
    { inputs: [], outputs: [false, false, true] },
    (dy, [dx], _, backend) => {
      const factor = backend.values(dy)[0]!
      const result = inPlaceOf(backend, dx, (from, to) => {
        for (let i = 0; i < from.length; i++) to[i] = from[i]! * factor
      })
      dy.dispose()
      return { logits: () => result }
    },
  )
}
