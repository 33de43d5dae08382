import { Random } from '../random.ts'
import type { Augmentation } from './augmentation/augmentation.ts'
import { drawMixture, mixImages } from './augmentation/mixup.ts'
import { createPainter } from './augmentation/painter.ts'
import { imageBytes } from './dataset-facts.ts'
import type { Normalization } from './normalization.ts'
import type { SplitImages } from './split-images.ts'

export interface BatchOptions {
  batchSize: number
  /** With `epoch` it decides the order of the images and their changes, and nothing else does. */
  seed: number
  /** 0-based. */
  epoch: number
  shuffle: boolean
  /** Only the first so many images of the split. */
  limit?: number
  /** Batches of the epoch that are left out at its beginning: those after them are as they would be. */
  skip?: number
  augmentation: Augmentation
  normalization: Normalization
}

export interface ImageBatch {
  /** [size, height, width, channels], normalised. */
  x: Float32Array
  /** [size], class indexes. */
  y: Int32Array
  /** Of images that are blended: the second ones' classes, and the share that the first ones have. */
  mixed?: { y: Int32Array; share: number }
  size: number
}

/** Keys of random streams, beside seed and epoch; those of images are the painter's. */
const ORDER = 1
const MIXTURES = 6

/** Images that are read together: a disk finds the next while one is on its way, and few are in memory twice. */
const READ_TOGETHER = 64

/**
 * One epoch of a split, each image once; the last batch may be short.
 *
 * @param take  gives the memory of a batch's x, whatever it holds: [length]
 * @throws DamagedDatasetError
 */
export async function* epochBatches(
  split: SplitImages,
  options: BatchOptions,
  take: (length: number) => Float32Array = (length) => new Float32Array(length),
): AsyncGenerator<ImageBatch, void> {
  const { batchSize, seed, epoch, shuffle, augmentation } = options
  const bytes = imageBytes(split)
  const count = imagesOf(split, options)
  const order = shuffle ? orderOf(seed, epoch, count) : null
  const painter = createPainter(augmentation, options.normalization, split.imageShape, options)
  const mixed = (x: Float32Array, y: Int32Array, start: number): Pick<ImageBatch, 'mixed'> => {
    if (augmentation.mixup === 0) return {}
    const draws = new Random(seed, epoch, MIXTURES, start)
    const mixture = drawMixture(augmentation.mixup, y.length, draws)
    mixImages(x, bytes, mixture)
    return { mixed: { y: y.map((_, i) => y[mixture.partners[i]]), share: mixture.share } }
  }
  const images = new Uint8Array(Math.min(READ_TOGETHER, batchSize, count) * bytes)

  const first = Math.min(count, (options.skip ?? 0) * batchSize)
  painter.skip(first)
  for (let start = first; start < count; start += batchSize) {
    const size = Math.min(batchSize, count - start)
    const x = take(size * bytes)
    const y = new Int32Array(size)
    for (let done = 0; done < size; done += READ_TOGETHER) {
      const places = Array.from({ length: Math.min(READ_TOGETHER, size - done) }, (_, i) =>
        order === null ? start + done + i : order[start + done + i],
      )
      await split.read(places, images)
      for (const [i, place] of places.entries()) {
        const image = images.subarray(i * bytes, (i + 1) * bytes)
        const target = x.subarray((done + i) * bytes, (done + i + 1) * bytes)
        painter.paint(image, target, start + done + i)
        y[done + i] = split.labels[place]
      }
    }
    yield { x, y, ...mixed(x, y, start), size }
  }
}

/** How many images of a split an epoch has. */
export function imagesOf(
  { count }: Pick<SplitImages, 'count'>,
  { limit = count }: Pick<BatchOptions, 'limit'>,
): number {
  return Math.min(limit, count)
}

/** How many numbers the x of an epoch's largest batch has. */
export function largestBatch(
  split: Pick<SplitImages, 'count' | 'imageShape'>,
  options: Pick<BatchOptions, 'batchSize' | 'limit'>,
): number {
  return Math.min(options.batchSize, imagesOf(split, options)) * imageBytes(split)
}

/** The places of an epoch's images in the order in which they come. */
export function orderOf(seed: number, epoch: number, count: number): ArrayLike<number> {
  return new Random(seed, epoch, ORDER).permutation(count)
}
