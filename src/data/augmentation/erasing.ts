import type { Random } from '../../random.ts'
import type { Rectangle } from './resampling.ts'

/** Zhong et al.'s for all of their experiments on CIFAR-10: parts of the area, and the sides as this to 1 to its inverse. */
const LEAST_AREA = 0.02
const MOST_AREA = 0.4
const LEAST_RATIO = 0.3
/** In a square image more than two of three fit. */
const ATTEMPTS = 10

/**
 * The rectangle of the next image that is erased; null for none.
 *
 * @param probability  that one is
 * @param random       of this image
 */
export function drawErased(
  probability: number,
  height: number,
  width: number,
  random: Random,
): Rectangle | null {
  if (random.between(0, 1) >= probability) return null
  const mostLog = -Math.log(LEAST_RATIO)
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = height * width * random.between(LEAST_AREA, MOST_AREA)
    // By its logarithm, so that as many are tall as are wide.
    const ratio = Math.exp(random.between(-mostLog, mostLog))
    const size = { height: Math.round(Math.sqrt(area * ratio)), width: Math.round(Math.sqrt(area / ratio)) }
    if (size.height < 1 || size.height > height || size.width < 1 || size.width > width) continue
    const top = random.below(height - size.height + 1)
    return { ...size, top, left: random.below(width - size.width + 1) }
  }
  return null
}

/**
 * Fills the rectangle with noise, each level of each pixel as likely as the other: what the authors found best.
 *
 * @param target  [height, width, channels], normalised
 * @param levels  the network's input for each level of each channel: [channels, 256]
 */
export function erase(
  target: Float32Array,
  width: number,
  levels: Float32Array,
  { top, left, ...size }: Rectangle,
  random: Random,
): void {
  const channels = levels.length / 256
  for (let y = top; y < top + size.height; y++) {
    let write = (y * width + left) * channels
    for (let x = 0; x < size.width; x++) {
      for (let table = 0; table < levels.length; table += 256) {
        target[write++] = levels[table + random.below(256)]
      }
    }
  }
}
