import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, test } from 'vitest'
import { BACKEND } from '../../../src/engine/native/kernels.ts'
import { Random } from '../../../src/random.ts'
import { batchLoss } from '../../../src/trainer/loss.ts'
import { startNative } from './support.ts'

beforeAll(async () => {
  // Or the plain backend advertises another one.
  tf.enableProdMode()
  await startNative()
})

const [N, CLASSES] = [6, 5]
const LOGITS = new Random(1).normal(N * CLASSES, 2)
const Y = Int32Array.of(0, 1, 2, 3, 4, 1)
const OTHER = Int32Array.of(3, 1, 0, 4, 2, 2)

const rows = <Value>(of: (row: number) => Value) => Array.from({ length: N }, (_, row) => of(row))

/** Soft-max of each row: [N][CLASSES]. */
const probabilities = rows((row) => {
  const powers = [...LOGITS.subarray(row * CLASSES, (row + 1) * CLASSES)].map(Math.exp)
  const sum = powers.reduce((total, power) => total + power)
  return powers.map((power) => power / sum)
})

/** What `batchLoss` is of the logits, and its gradient by them. */
async function lossOn(backend: string, ...[batch, smoothing]: [Parameters<typeof batchLoss>[1], number]) {
  await tf.setBackend(backend)
  try {
    return tf.tidy(() => {
      const logits = tf.variable(tf.tensor2d(LOGITS, [N, CLASSES]))
      let correct = Number.NaN
      const { value, grads } = tf.variableGrads(() => {
        const outcome = batchLoss(logits as unknown as tf.Tensor2D, batch, smoothing)
        correct = outcome.correct.dataSync()[0]!
        return outcome.loss
      }, [logits])
      return { loss: value.dataSync()[0]!, correct, gradient: [...grads[logits.name]!.dataSync()] }
    })
  } finally {
    await tf.setBackend(BACKEND)
  }
}

test.each([
  [BACKEND, 0],
  [BACKEND, 0.1],
  ['cpu', 0.1],
])(
  'the loss of blended images on %s counts each label by its share, smoothed by %d, and so does its gradient',
  async (backend, smoothing) => {
    const share = 0.7
    const batch = { y: Y, mixed: { y: OTHER, share } }
    const targets = rows((row) =>
      Array.from({ length: CLASSES }, (_, c) => {
        const label = share * Number(Y[row] === c) + (1 - share) * Number(OTHER[row] === c)
        return (1 - smoothing) * label + smoothing / CLASSES
      }),
    )
    const { loss, correct, gradient } = await lossOn(backend, batch, smoothing)
    const losses = rows(
      (row) => -targets[row]!.reduce((sum, t, c) => sum + t * Math.log(probabilities[row]![c]!), 0),
    )
    expect(loss).toBeCloseTo(losses.reduce((sum, value) => sum + value) / N, 5)
    expect(correct).toBe(
      rows((row) => probabilities[row]!.indexOf(Math.max(...probabilities[row]!)) === Y[row]).filter(Boolean)
        .length,
    )
    for (const [at, value] of gradient.entries()) {
      const [row, c] = [Math.floor(at / CLASSES), at % CLASSES]
      expect(value).toBeCloseTo((probabilities[row]![c]! - targets[row]![c]!) / N, 5)
    }
  },
)
