import type { Random } from '../random.ts'

/** Random changes of a training image. */
export interface Augmentation {
  /** Mirrors every second image, on average. */
  horizontalFlip: boolean
  /** Shifts the image by up to so many pixels in each direction; black comes in (a crop of the padded image). */
  cropPadding: number
  /** Side in pixels of a square of the mean colour laid over the image (DeVries and Taylor, arXiv:1708.04552); 0 for none. */
  cutout: number
}

/** What happens to one image. */
export interface Distortion {
  flip: boolean
  /** Pixel (y, x) of the result is (y + down, x + right) of the source. */
  down: number
  right: number
  /** The square that is covered, cut at the image's edges: [top, bottom) x [left, right); empty without cutout. */
  hole: { top: number; bottom: number; left: number; right: number }
}

/** Draws the change of the next image. It takes the same five numbers from the stream whatever is switched on. */
export function drawDistortion(
  { horizontalFlip, cropPadding, cutout }: Augmentation,
  height: number,
  width: number,
  random: Random,
): Distortion {
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
