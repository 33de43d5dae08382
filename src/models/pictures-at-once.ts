import { analyze } from '../zoo/analysis.ts'
import type { Architecture } from '../zoo/architecture.ts'
import type { Preprocessing } from './preprocessing.ts'

const MOST = 128
const MOST_PIXELS = 2 ** 18
/** What a VGG's first layers make of so many pixels. */
const MOST_NUMBERS = 64 * MOST_PIXELS

/**
 * Pictures in a forward pass over a data set, whoever does it: so the same weights have the same figures to the last bit.
 * VGG-16 keeps 110 MB of activations for a picture of 224 x 224 pixels.
 */
export function picturesAtOnce([height, width]: Preprocessing['size']): number {
  return Math.max(1, Math.min(MOST, Math.floor(MOST_PIXELS / (height * width))))
}

/**
 * The same for the layers from a place on, given what those before them make of pictures: a multiple of it. Dense layers read their
 * weights, 500 MB of a VGG-16, once for all of a batch, and the fewer numbers layers make, the more pictures have room.
 */
export function resultsAtOnce(architecture: Architecture, from: number): number {
  const [height, width] = architecture.inputShape
  const pictures = picturesAtOnce([height, width])
  const made = analyze(architecture).layers.slice(Math.max(0, from - 1))
  const largest = Math.max(
    ...made.map(({ outputShape }) => outputShape.reduce((all, length) => all * length, 1)),
  )
  const most = Math.min(MOST, Math.floor(MOST_NUMBERS / largest))
  return Math.max(1, Math.floor(most / pictures)) * pictures
}
