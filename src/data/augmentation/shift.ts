import type { Random } from '../../random.ts'
import type { Augmentation } from './augmentation.ts'

/** How one image is mirrored, shifted and covered. */
export interface Shift {
  flip: boolean
  /** Pixel (y, x) of the result is (y + down, x + right) of the source. */
  down: number
  right: number
  /** The square that is covered, cut at the image's edges: [top, bottom) x [left, right); empty without cutout. */
  hole: { top: number; bottom: number; left: number; right: number }
}

export const NO_SHIFT: Shift = {
  flip: false,
  down: 0,
  right: 0,
  hole: { top: 0, bottom: 0, left: 0, right: 0 },
}

export function shifts({ horizontalFlip, cropPadding, cutout }: Augmentation): boolean {
  return horizontalFlip || cropPadding > 0 || cutout > 0
}

/** Draws the shift of the next image. It takes the same five numbers from the stream whatever is switched on. */
export function drawShift(
  { horizontalFlip, cropPadding, cutout }: Augmentation,
  height: number,
  width: number,
  random: Random,
): Shift {
  const flip = random.below(2) === 1 && horizontalFlip
  const down = random.below(2 * cropPadding + 1) - cropPadding
  const right = random.below(2 * cropPadding + 1) - cropPadding
  const [y, x] = [random.below(height), random.below(width)]
  const [top, left] = [y - (cutout >> 1), x - (cutout >> 1)]
  return {
    flip,
    down,
    right,
    hole: {
      top: Math.max(0, top),
      bottom: Math.min(height, top + cutout),
      left: Math.max(0, left),
      right: Math.min(width, left + cutout),
    },
  }
}

/**
 * image, target: [height, width, channels]
 *
 * @param levels  what becomes of each level of each channel: [channels, 256]
 */
export function shiftImage(
  image: Uint8Array,
  target: Float32Array,
  levels: Float32Array,
  width: number,
  { flip, down, right }: Shift,
): void {
  const channels = levels.length / 256
  const height = image.length / (width * channels)
  for (let y = 0; y < height; y++) {
    const sourceY = y + down
    const rowInside = sourceY >= 0 && sourceY < height
    let write = y * width * channels
    let sourceX = (flip ? width - 1 : 0) + right
    let read = (sourceY * width + sourceX) * channels
    for (let x = 0; x < width; x++) {
      const inside = rowInside && sourceX >= 0 && sourceX < width
      for (let channel = 0; channel < channels; channel++) {
        target[write++] = levels[channel * 256 + (inside ? image[read + channel] : 0)]
      }
      sourceX += flip ? -1 : 1
      read += flip ? -channels : channels
    }
  }
}

/** Covers the hole with the mean colour, which is 0 once it is normalised. target: [height, width, channels], normalised. */
export function cover(target: Float32Array, width: number, channels: number, { hole }: Shift): void {
  for (let y = hole.top; y < hole.bottom; y++) {
    target.fill(0, (y * width + hole.left) * channels, (y * width + hole.right) * channels)
  }
}
