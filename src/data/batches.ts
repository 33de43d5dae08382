import { Random } from '../random.ts'
import { type Augmentation, type Distortion, drawDistortion } from './augmentation.ts'
import type { LoadedSplit } from './load.ts'
import type { Normalization } from './normalization.ts'

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

/** One epoch of a split, each image once; the last batch may be short. */
export function* epochBatches(split: LoadedSplit, options: BatchOptions): Generator<ImageBatch, void> {
  const { batchSize, seed, epoch, shuffle, augmentation } = options
  const [height, width, channels] = split.imageShape
  const pixels = height * width * channels
  const count = Math.min(options.limit ?? split.count, split.count)
  const order = shuffle ? new Random(seed, epoch, ORDER).permutation(count) : null
  const random = isIdentity(augmentation) ? null : new Random(seed, epoch, DISTORTIONS)
  const levels = levelTables(options.normalization, channels)

  const first = Math.min(count, (options.skip ?? 0) * batchSize)
  if (random !== null) for (let i = 0; i < first; i++) drawDistortion(augmentation, height, width, random)
  for (let start = first; start < count; start += batchSize) {
    const size = Math.min(batchSize, count - start)
    const x = new Float32Array(size * pixels)
    const y = new Int32Array(size)
    for (let i = 0; i < size; i++) {
      const index = order === null ? start + i : order[start + i]
      const image = split.pixels.subarray(index * pixels, (index + 1) * pixels)
      const target = x.subarray(i * pixels, (i + 1) * pixels)
      if (random === null) copyImage(image, target, levels)
      else distortImage(image, target, levels, width, drawDistortion(augmentation, height, width, random))
      y[i] = split.labels[index]
    }
    yield { x, y, size }
  }
}

function isIdentity({ horizontalFlip, cropPadding, cutout }: Augmentation): boolean {
  return !horizontalFlip && cropPadding === 0 && cutout === 0
}

/** The network's input for each of the 256 levels of each channel: [channels][256]. */
function levelTables({ mean, std }: Normalization, channels: number): Float32Array[] {
  return Array.from({ length: channels }, (_, channel) =>
    Float32Array.from({ length: 256 }, (_, level) => (level / 255 - mean[channel]) / std[channel]),
  )
}

function copyImage(image: Uint8Array, target: Float32Array, levels: readonly Float32Array[]): void {
  const channels = levels.length
  for (let channel = 0; channel < channels; channel++) {
    const table = levels[channel]
    for (let at = channel; at < image.length; at += channels) target[at] = table[image[at]]
  }
}

/** image, target: [height, width, channels] */
function distortImage(
  image: Uint8Array,
  target: Float32Array,
  levels: readonly Float32Array[],
  width: number,
  { flip, down, right, hole }: Distortion,
): void {
  const channels = levels.length
  const height = image.length / (width * channels)
  for (let y = 0; y < height; y++) {
    const sourceY = y + down
    const rowInside = sourceY >= 0 && sourceY < height
    const rowCovered = y >= hole.top && y < hole.bottom
    for (let x = 0; x < width; x++) {
      const write = (y * width + x) * channels
      // The mean colour is 0 once normalised, which is what the target holds already.
      if (rowCovered && x >= hole.left && x < hole.right) continue
      const sourceX = (flip ? width - 1 - x : x) + right
      const inside = rowInside && sourceX >= 0 && sourceX < width
      const read = (sourceY * width + sourceX) * channels
      for (let channel = 0; channel < channels; channel++) {
        target[write + channel] = levels[channel][inside ? image[read + channel] : 0]
      }
    }
  }
}
