import { Random } from '../random.ts'
import { type Augmentation, type Distortion, drawDistortion } from './augmentation.ts'
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
  size: number
}

/** Keys of the two random streams of an epoch, beside seed and epoch. */
const ORDER = 1
const DISTORTIONS = 2

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
  const [height, width, channels] = split.imageShape
  const bytes = height * width * channels
  const count = imagesOf(split, options)
  const order = shuffle ? new Random(seed, epoch, ORDER).permutation(count) : null
  const random = isIdentity(augmentation) ? null : new Random(seed, epoch, DISTORTIONS)
  const levels = levelTables(options.normalization, channels)
  const images = new Uint8Array(Math.min(READ_TOGETHER, batchSize, count) * bytes)

  const first = Math.min(count, (options.skip ?? 0) * batchSize)
  if (random !== null) for (let i = 0; i < first; i++) drawDistortion(augmentation, height, width, random)
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
        if (random === null) copyImage(image, target, levels)
        else distortImage(image, target, levels, width, drawDistortion(augmentation, height, width, random))
        y[done + i] = split.labels[place]
      }
    }
    yield { x, y, size }
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

function isIdentity({ horizontalFlip, cropPadding, cutout }: Augmentation): boolean {
  return !horizontalFlip && cropPadding === 0 && cutout === 0
}

/** The network's input for each of the 256 levels of each channel: [channels, 256]. */
function levelTables({ mean, std }: Normalization, channels: number): Float32Array {
  return Float32Array.from({ length: channels * 256 }, (_, at) => {
    const channel = at >> 8
    return ((at & 255) / 255 - mean[channel]) / std[channel]
  })
}

function copyImage(image: Uint8Array, target: Float32Array, levels: Float32Array): void {
  for (let at = 0; at < image.length; ) {
    for (let table = 0; table < levels.length; table += 256) {
      target[at] = levels[table + image[at]]
      at++
    }
  }
}

/** image, target: [height, width, channels] */
function distortImage(
  image: Uint8Array,
  target: Float32Array,
  levels: Float32Array,
  width: number,
  { flip, down, right, hole }: Distortion,
): void {
  const channels = levels.length / 256
  const height = image.length / (width * channels)
  const step = flip ? -channels : channels
  for (let y = 0; y < height; y++) {
    const sourceY = y + down
    const rowInside = sourceY >= 0 && sourceY < height
    const row = sourceY * width
    let write = y * width * channels
    let sourceX = (flip ? width - 1 : 0) + right
    let read = (row + sourceX) * channels
    for (let x = 0; x < width; x++) {
      const inside = rowInside && sourceX >= 0 && sourceX < width
      for (let channel = 0; channel < channels; channel++) {
        target[write++] = levels[channel * 256 + (inside ? image[read + channel] : 0)]
      }
      sourceX += flip ? -1 : 1
      read += step
    }
  }
  // The mean colour is 0 once normalised.
  for (let y = hole.top; y < hole.bottom; y++) {
    target.fill(0, (y * width + hole.left) * channels, (y * width + hole.right) * channels)
  }
}
