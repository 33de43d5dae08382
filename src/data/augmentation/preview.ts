import { setImmediate as nextTurn } from 'node:timers/promises'
import { Random } from '../../random.ts'
import type { DatasetStore } from '../dataset.ts'
import { imageBytes, type Split } from '../dataset-facts.ts'
import type { Augmentation } from './augmentation.ts'
import { drawMixture, mixImages } from './mixup.ts'
import { createPainter } from './painter.ts'

export interface PreviewOptions {
  split: Split
  /** Place of the image in the split. */
  index: number
  /** Pictures of it. */
  count: number
  /** The same one, the same pictures. */
  seed: number
  augmentation: Augmentation
}

/** Keys of random streams beside the seed: which image another one is blended with, and by which share. */
const PARTNERS = 7
const MIXTURES = 8

/**
 * What a network may be shown of an image in so many epochs: [height, width, channels], a byte each. With mixup it is
 * blended with other images of the split.
 *
 * @throws DatasetUnavailableError
 */
export async function* previewsOf(
  { facts, readImages }: Pick<DatasetStore, 'facts' | 'readImages'>,
  { split, index, count, seed, augmentation }: PreviewOptions,
): AsyncGenerator<Uint8ClampedArray, void> {
  const bytes = imageBytes(facts)
  const isMixed = augmentation.mixup > 0
  const draws = new Random(seed, PARTNERS)
  const partners = isMixed ? Array.from({ length: count }, () => draws.below(facts.count[split])) : []
  const { pixels } = await readImages(split, [index, ...partners])
  const image = (i: number) => pixels.subarray(i * bytes, (i + 1) * bytes)
  const x = new Float32Array((isMixed ? 2 : 1) * bytes)
  for (let epoch = 0; epoch < count; epoch++) {
    // Others wait for this thread, too.
    await nextTurn()
    const painter = createPainter(augmentation, facts.normalization, facts.imageShape, { seed, epoch })
    painter.paint(image(0), x.subarray(0, bytes), 0)
    if (isMixed) {
      painter.paint(image(1 + epoch), x.subarray(bytes), 1)
      const { share } = drawMixture(augmentation.mixup, 2, new Random(seed, MIXTURES, epoch))
      mixImages(x, bytes, { partners: Uint32Array.of(1, 0), share })
    }
    const { mean, std } = facts.normalization
    yield Uint8ClampedArray.from(x.subarray(0, bytes), (value, at) => {
      const channel = at % mean.length
      return 255 * (value * std[channel]! + mean[channel]!)
    })
  }
}
