import type { Random } from '../../random.ts'
import type { Augmentation } from './augmentation.ts'

/** How the colours of one image change. */
export interface ColourJitter {
  /** Factors; 1 changes nothing. */
  brightness: number
  contrast: number
  saturation: number
  /** A part of the circle of hues. */
  hue: number
  /** Which comes first: numbers of CHANGES. */
  order: ArrayLike<number>
}

type Kind = 'brightness' | 'contrast' | 'saturation' | 'hue'
export const CHANGES: readonly Kind[] = ['brightness', 'contrast', 'saturation', 'hue']
const WHITE = 255

export function colours({ brightness, contrast, saturation, hue }: Augmentation): boolean {
  return brightness > 0 || contrast > 0 || saturation > 0 || hue > 0
}

/** @param random  of this image */
export function drawJitter(
  { brightness, contrast, saturation, hue }: Augmentation,
  random: Random,
): ColourJitter {
  const factor = (by: number) => random.between(Math.max(0, 1 - by), 1 + by)
  return {
    order: random.permutation(CHANGES.length),
    brightness: factor(brightness),
    contrast: factor(contrast),
    saturation: factor(saturation),
    hue: random.between(-hue, hue),
  }
}

/**
 * The four changes of torchvision's ColorJitter, as it has them for tensors of floats, one after the other.
 *
 * @param image  levels of red, green and blue from 0 to 255: [height, width, 3]; changed in place
 */
export function jitterColours(image: Float32Array, jitter: ColourJitter): void {
  for (const index of Array.from(jitter.order)) {
    const kind = CHANGES[index]!
    if (kind === 'hue') {
      if (jitter.hue !== 0) turnHues(image, jitter.hue)
    } else if (jitter[kind] !== 1) blend(image, kind, jitter[kind])
  }
}

/** ITU-R BT.601's luma. */
function greyOf(image: Float32Array, at: number): number {
  return 0.2989 * image[at] + 0.587 * image[at + 1] + 0.114 * image[at + 2]
}

/** Moves each level away from black, from the image's mean grey, or from its pixel's grey. */
function blend(image: Float32Array, kind: Exclude<Kind, 'hue'>, factor: number): void {
  const mean = kind === 'contrast' ? meanGrey(image) : 0
  for (let at = 0; at < image.length; at += 3) {
    const base = (1 - factor) * (kind === 'saturation' ? greyOf(image, at) : mean)
    for (let i = at; i < at + 3; i++) image[i] = Math.max(0, Math.min(WHITE, factor * image[i] + base))
  }
}

function meanGrey(image: Float32Array): number {
  let sum = 0
  for (let at = 0; at < image.length; at += 3) sum += greyOf(image, at)
  return (3 * sum) / image.length
}

/** By way of hue, saturation and value: of the three levels the largest and the smallest stay as they are. */
function turnHues(image: Float32Array, by: number): void {
  for (let at = 0; at < image.length; at += 3) {
    const [red, green, blue] = [image[at], image[at + 1], image[at + 2]]
    const most = Math.max(red, green, blue)
    const least = Math.min(red, green, blue)
    const range = most - least
    // Grey has no hue.
    if (range === 0) continue
    // In sixths of the circle, from red.
    const sixths =
      most === red
        ? (green - blue) / range
        : most === green
          ? 2 + (blue - red) / range
          : 4 + (red - green) / range
    const turned = (((sixths + 6 * by) % 6) + 6) % 6
    for (let channel = 0; channel < 3; channel++) {
      // How far the hue is from the channel's own, around the circle: within one sixth it is at its most, from two on at its least.
      const distance = Math.abs(((turned - 2 * channel + 9) % 6) - 3)
      image[at + channel] = least + range * Math.max(0, Math.min(1, 2 - distance))
    }
  }
}
