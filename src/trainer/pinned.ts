import { epochBatches } from '../data/batches.ts'
import type { LoadedDataset, LoadedSplit } from '../data/load.ts'
import type { Normalization } from '../data/normalization.ts'
import { numbersOf } from '../engine/numbers.ts'
import { NO_AUGMENTATION } from '../runs/model/evaluation.ts'
import type { PinnedPicture, PinnedResult } from '../runs/model/pinned.ts'
import { tf } from '../tensorflow.ts'
import { forwardOf } from '../zoo/forward.ts'

/**
 * What the network says of the pinned pictures now, as at every call, in evaluation mode.
 * @param pinned  at most a batch of them
 */
export function createPinnedWatcher(
  model: tf.LayersModel,
  dataset: LoadedDataset,
  pinned: readonly PinnedPicture[],
  normalization: Normalization,
): () => Promise<PinnedResult[]> {
  if (pinned.length === 0) return async () => []
  const split = gather(dataset, pinned)
  const [batch] = epochBatches(split, {
    batchSize: pinned.length,
    seed: 0,
    epoch: 0,
    shuffle: false,
    augmentation: NO_AUGMENTATION,
    normalization,
  })
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
function gather(dataset: LoadedDataset, pinned: readonly PinnedPicture[]): LoadedSplit {
  const { imageShape } = dataset.test
  const bytes = imageShape.reduce((product, edge) => product * edge, 1)
  const pixels = new Uint8Array(pinned.length * bytes)
  const labels = new Uint16Array(pinned.length)
  for (const [i, { split, index }] of pinned.entries()) {
    pixels.set(dataset[split].pixels.subarray(index * bytes, (index + 1) * bytes), i * bytes)
    labels[i] = dataset[split].labels[index]
  }
  return { count: pinned.length, imageShape, pixels, labels }
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
