import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, test } from 'vitest'
import { BACKEND } from '../../../src/engine/native/kernels.ts'
import { Random } from '../../../src/random.ts'
import { batchLoss, type LossOptions } from '../../../src/trainer/loss.ts'
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
async function lossOn(backend: string, batch: Parameters<typeof batchLoss>[1], options: LossOptions) {
  await tf.setBackend(backend)
  try {
    return tf.tidy(() => {
      const logits = tf.variable(tf.tensor2d(LOGITS, [N, CLASSES]))
      let correct = Number.NaN
      const { value, grads } = tf.variableGrads(() => {
        const outcome = batchLoss(logits as unknown as tf.Tensor2D, batch, options)
        correct = outcome.correct.dataSync()[0]!
        return outcome.loss
      }, [logits])
      return { loss: value.dataSync()[0]!, correct, gradient: [...grads[logits.name]!.dataSync()] }
    })
  } finally {
    await tf.setBackend(BACKEND)
  }
}

/** How much of each class's -log p is in the loss: [N][CLASSES]. By hand: labels smoothed, weighted, divided by their weights' sum. */
function coefficients(labels: Int32Array, smoothing: number, weights: ArrayLike<number>): number[][] {
  const sum = labels.reduce((total, label) => total + weights[label]!, 0)
  return rows((row) =>
    Array.from({ length: CLASSES }, (_, c) => {
      const target = (1 - smoothing) * Number(labels[row] === c) + smoothing / CLASSES
      return (weights[c]! * target) / sum
    }),
  )
}

const ALIKE = Float32Array.of(1, 1, 1, 1, 1)
const WEIGHTS = Float32Array.of(0.5, 3, 1, 2, 0.25)

test.each<[string, string, number, number | null, Float32Array | null]>([
  ['blended images', BACKEND, 0, 0.7, null],
  ['blended images', BACKEND, 0.1, 0.7, null],
  ['blended images', 'cpu', 0.1, 0.7, null],
  ['weighted classes', BACKEND, 0, null, WEIGHTS],
  ['weighted classes', 'cpu', 0.1, null, WEIGHTS],
  ['both', BACKEND, 0.1, 0.6, WEIGHTS],
])('the loss of %s on %s is that of its definition, and so is its gradient (smoothing %d)', async (...it) => {
  const [, backend, labelSmoothing, share, classWeights] = it
  const batch = share === null ? { y: Y } : { y: Y, mixed: { y: OTHER, share } }
  const [own, other] = [Y, OTHER].map((labels) => coefficients(labels, labelSmoothing, classWeights ?? ALIKE))
  const of = (row: number, c: number) =>
    share === null ? own![row]![c]! : share * own![row]![c]! + (1 - share) * other![row]![c]!
  const { loss, correct, gradient } = await lossOn(backend, batch, { labelSmoothing, classWeights })
  const expected = rows((row) => probabilities[row]!.reduce((sum, p, c) => sum - of(row, c) * Math.log(p), 0))
  expect(loss).toBeCloseTo(
    expected.reduce((sum, value) => sum + value),
    5,
  )
  const right = rows((row) => probabilities[row]!.indexOf(Math.max(...probabilities[row]!)) === Y[row])
  expect(correct).toBe(right.filter(Boolean).length)
  for (const [at, value] of gradient.entries()) {
    const [row, c] = [Math.floor(at / CLASSES), at % CLASSES]
    const whole = probabilities[row]!.reduce((sum, _, k) => sum + of(row, k), 0)
    expect(value).toBeCloseTo(probabilities[row]![c]! * whole - of(row, c), 5)
  }
})

test('a weighted loss is the one of PyTorch', async () => {
  // torch.nn.CrossEntropyLoss(weight, label_smoothing=0.1) of these logits.
  const { loss } = await lossOn(BACKEND, { y: Y }, { labelSmoothing: 0.1, classWeights: WEIGHTS })
  expect(loss).toBeCloseTo(3.235847, 5)
})
