import type { Preprocessing } from './preprocessing.ts'

const MOST = 128
const MOST_PIXELS = 2 ** 18

/**
 * Pictures in a forward pass over a data set, whoever does it: so the same weights have the same figures to the last bit.
 * VGG-16 keeps 110 MB of activations for a picture of 224 x 224 pixels.
 */
export function picturesAtOnce([height, width]: Preprocessing['size']): number {
  return Math.max(1, Math.min(MOST, Math.floor(MOST_PIXELS / (height * width))))
}
