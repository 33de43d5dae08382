import { NO_AUGMENTATION } from '../data/augmentation/augmentation.ts'
import { epochBatches } from '../data/batches.ts'
import type { DatasetBatches } from '../data/dataset-batches.ts'
import { imageBytes } from '../data/dataset-facts.ts'
import type { Normalization } from '../data/normalization.ts'
import type { SplitImages } from '../data/split-images.ts'
import { numbersOf } from '../engine/numbers.ts'
import type { PinnedPicture, PinnedResult } from '../runs/model/pinned.ts'
import { tf } from '../tensorflow.ts'
import { forwardOf } from '../zoo/forward.ts'

/**
 * What the network says of the pinned pictures now, as at every call, in evaluation mode.
 * @param pinned  at most a batch of them
 * @throws DamagedDatasetError
 */
export async function createPinnedWatcher(
  model: tf.LayersModel,
  dataset: Pick<DatasetBatches, 'images'>,
  pinned: readonly PinnedPicture[],
  normalization: Normalization,
): Promise<() => Promise<PinnedResult[]>> {
  if (pinned.length === 0) return async () => []
  const split = await gather(dataset, pinned)
  const { value: batch } = await epochBatches(split, {
    batchSize: pinned.length,
    seed: 0,
    epoch: 0,
    shuffle: false,
    augmentation: NO_AUGMENTATION,
    normalization,
  }).next()
  const forward = forwardOf(model, { training: false })
  return async () => {
    // logits: [pinned, classes]
    const logits = tf.tidy(() => forward(tf.tensor4d(batch!.x, [batch!.size, ...split.imageShape])))
    try {
      const values = await numbersOf(logits)
      const classes = logits.shape[1]
      return pinned.map(({ split, index }, i) => ({
        split,
        index,
        label: batch!.y[i],
        probabilities: softmax(Array.from(values.subarray(i * classes, (i + 1) * classes))),
      }))
    } finally {
      logits.dispose()
    }
  }
}

/** The pinned pictures as a split of their own. */
async function gather(
  dataset: Pick<DatasetBatches, 'images'>,
  pinned: readonly PinnedPicture[],
): Promise<SplitImages> {
  const splits = { train: await dataset.images('train'), test: await dataset.images('test') }
  const { imageShape } = splits.test
  const bytes = imageBytes({ imageShape })
  return {
    count: pinned.length,
    imageShape,
    labels: Uint16Array.from(pinned, ({ split, index }) => splits[split].labels[index]),
    async read(places, into) {
      for (const [i, place] of Array.from(places).entries()) {
        const { split, index } = pinned[place]
        await splits[split].read([index], into.subarray(i * bytes, (i + 1) * bytes))
      }
    },
  }
}

/** In float64; null when a logit is not finite. */
function softmax(logits: readonly number[]): number[] | null {
  if (!logits.every(Number.isFinite)) return null
  // Without the largest, exp of a logit above 709 is infinite.
  const largest = Math.max(...logits)
  const powers = logits.map((logit) => Math.exp(logit - largest))
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}
