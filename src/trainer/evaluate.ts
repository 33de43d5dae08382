import type { ImageBatch } from '../data/batches.ts'
import { numbersOf } from '../engine/numbers.ts'
import type { EvaluationResult } from '../models/evaluation-result.ts'
import { createTally, isAnswer } from '../scoring/tally.ts'
import { tf } from '../tensorflow.ts'
import { forwardOf, forwardOfPart, resultsFrom, resultsOf } from '../zoo/forward.ts'
import { layersOf } from '../zoo/model.ts'
import { finiteness } from './finite.ts'

/** Counts what a model gets right, batch by batch, without training it. */
export interface Evaluator {
  /** The batches of a split in its own order: a mistake is known by its place. */
  add(batch: ImageBatch): Promise<void>
  result(): EvaluationResult
  /** Every mistake (scoring/mistakes.ts). */
  mistakes(): Uint8Array
  /** The layer that the first image without an answer broke, such as features.3: the first on its way; null for none. */
  readonly brokenLayer: string | null
}

/**
 * @param inputShape  [height, width, channels] of the model; of the result of the layers before `from`
 * @param broken      its brokenWeight: with one it has no answers
 * @param from        layers that are left out: batches are what they make of images
 */
export function createEvaluator(
  model: tf.LayersModel,
  inputShape: readonly number[],
  classes: number,
  broken: string | null = null,
  from = 0,
): Evaluator {
  const tally = createTally(classes)
  const part = { from, to: layersOf(model).length }
  const forward =
    from === 0 ? forwardOf(model, { training: false }) : forwardOfPart(model, part, { training: false })
  let brokenLayer = broken?.split('/')[0] ?? null
  return {
    get brokenLayer() {
      return brokenLayer
    },
    async add(batch) {
      if (broken !== null) {
        for (const label of batch.y) tally.add([Number.NaN], label)
        return
      }
      const logits = tf.tidy(() => forward(tf.tensor(batch.x, [batch.size, ...inputShape])))
      try {
        const values = await numbersOf(logits)
        for (let i = 0; i < batch.size; i++) {
          const answer = values.subarray(i * classes, (i + 1) * classes)
          tally.add(answer, batch.y[i])
          if (brokenLayer !== null || isAnswer(answer)) continue
          const length = batch.x.length / batch.size
          brokenLayer = await firstBroken(
            model,
            batch.x.subarray(i * length, (i + 1) * length),
            inputShape,
            from,
          )
        }
      } finally {
        logits.dispose()
      }
    },
    result: tally.result,
    mistakes: tally.mistakes,
  }
}

/** The first layer that makes numbers of an image that are not finite; of those from `from` on. */
async function firstBroken(
  model: tf.LayersModel,
  image: Float32Array,
  inputShape: readonly number[],
  from: number,
): Promise<string | null> {
  const names: string[] = []
  const flags = tf.tidy(() => {
    const x = tf.tensor(image, [1, ...inputShape])
    const results = [...(from === 0 ? resultsOf(model, x) : resultsFrom(model, from, x))]
    names.push(...results.map(({ name }) => name))
    return finiteness(results.map(({ result }) => result))
  })
  try {
    const finite = await numbersOf(flags)
    return names.find((_, i) => Number.isNaN(finite[i])) ?? null
  } finally {
    flags.dispose()
  }
}
