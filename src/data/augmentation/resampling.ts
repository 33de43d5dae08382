import type { Random } from '../../random.ts'
import type { Augmentation } from './augmentation.ts'
import type { Shift } from './shift.ts'

/** A rectangle of pixels. */
export interface Rectangle {
  top: number
  left: number
  height: number
  width: number
}

/** How one image is cropped, turned and scaled. */
export interface Resampling {
  /** The part of the image that takes the place of all of it. */
  crop: Rectangle
  /** Counter-clockwise, in radians. */
  angle: number
  /** What is larger than 1 magnifies. */
  factor: number
}

/** The sides of a crop are as this to 1, at least, and at most as its inverse. */
const LEAST_RATIO = 3 / 4
/** Crops that are tried before the whole image is taken: in an image that is no long strip, the first ones fit. */
const ATTEMPTS = 10

export function resamples({ rotation, scale, resizedCrop }: Augmentation): boolean {
  return rotation > 0 || scale > 0 || resizedCrop > 0
}

/** @param random  of this image */
export function drawResampling(
  { rotation, scale, resizedCrop }: Augmentation,
  height: number,
  width: number,
  random: Random,
): Resampling {
  const angle = random.between(-rotation, rotation) * (Math.PI / 180)
  const factor = random.between(1 - scale, 1 + scale)
  const whole = { top: 0, left: 0, height, width }
  const crop = resizedCrop === 0 ? whole : (drawCrop(resizedCrop, height, width, random) ?? whole)
  return { crop, angle, factor }
}

function drawCrop(leastArea: number, height: number, width: number, random: Random): Rectangle | null {
  const mostLog = -Math.log(LEAST_RATIO)
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = height * width * random.between(leastArea, 1)
    const ratio = Math.exp(random.between(-mostLog, mostLog))
    const crop = { width: Math.round(Math.sqrt(area * ratio)), height: Math.round(Math.sqrt(area / ratio)) }
    if (crop.width < 1 || crop.width > width || crop.height < 1 || crop.height > height) continue
    const top = random.below(height - crop.height + 1)
    return { ...crop, top, left: random.below(width - crop.width + 1) }
  }
  return null
}

/**
 * Crops, then turns and scales about the centre, then mirrors and shifts, in one bilinear sampling: what is sampled once
 * is blurred once. Black is where the cropped image does not reach, as where a crop of the padded image does not
 * (cropPadding), and as Pillow has it by default: the mean colour would tell a network of the data set, black is of no picture.
 *
 * image, target: [height, width, channels]
 *
 * @param target  gets levels from 0 to 255, not rounded
 */
export function resampleImage(
  image: Uint8Array,
  target: Float32Array,
  height: number,
  width: number,
  { crop, angle, factor }: Resampling,
  { flip, down, right }: Pick<Shift, 'flip' | 'down' | 'right'>,
): void {
  const channels = image.length / (height * width)
  const [centreY, centreX] = [(height - 1) / 2, (width - 1) / 2]
  const [cos, sin] = [Math.cos(angle) / factor, Math.sin(angle) / factor]
  const [stepY, stepX] = [crop.height / height, crop.width / width]
  const [lastY, lastX] = [crop.top + crop.height - 1, crop.left + crop.width - 1]
  let write = 0
  for (let y = 0; y < height; y++) {
    const dy = y + down - centreY
    for (let x = 0; x < width; x++) {
      const dx = (flip ? width - 1 - x : x) + right - centreX
      // Where it was before it was turned and scaled.
      const fromX = cos * dx - sin * dy + centreX
      const fromY = sin * dx + cos * dy + centreY
      if (fromX < -0.5 || fromX >= width - 0.5 || fromY < -0.5 || fromY >= height - 0.5) {
        for (let channel = 0; channel < channels; channel++) target[write++] = 0
        continue
      }
      // Pixels are areas: the centre of the first is half a pixel from the edge. Beyond the last centre its colour goes on.
      const atX = clamp(crop.left + (fromX + 0.5) * stepX - 0.5, crop.left, lastX)
      const atY = clamp(crop.top + (fromY + 0.5) * stepY - 0.5, crop.top, lastY)
      const [left, top] = [Math.floor(atX), Math.floor(atY)]
      const [shareX, shareY] = [atX - left, atY - top]
      const nextColumn = left < lastX ? channels : 0
      const nextRow = top < lastY ? width * channels : 0
      let read = (top * width + left) * channels
      for (let channel = 0; channel < channels; channel++, read++) {
        const above = image[read] + (image[read + nextColumn] - image[read]) * shareX
        const below =
          image[read + nextRow] + (image[read + nextRow + nextColumn] - image[read + nextRow]) * shareX
        target[write++] = above + (below - above) * shareY
      }
    }
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value))
}
