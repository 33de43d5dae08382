import { Random } from '../../random.ts'
import type { DatasetFacts } from '../dataset-facts.ts'
import type { Normalization } from '../normalization.ts'
import type { Augmentation } from './augmentation.ts'
import { colours, drawJitter, jitterColours } from './colour.ts'
import { drawErased, erase } from './erasing.ts'
import { drawResampling, resampleImage, resamples } from './resampling.ts'
import { cover, drawShift, NO_SHIFT, type Shift, shiftImage, shifts } from './shift.ts'

/** Makes what the network sees of the images of an epoch, one after the other. */
export interface Painter {
  /** Leaves images out: those after them are as they would be. */
  skip(images: number): void
  /**
   * @param image   [height, width, channels], a byte each
   * @param target  the same, normalised; whatever it holds
   * @param place   of the image in the epoch
   */
  paint(image: Uint8Array, target: Float32Array, place: number): void
}

/** Keys of the random streams beside seed and epoch (ORDER in batches.ts, MIXTURES there): one for all images of an epoch, */
const SHIFTS = 2
/** and of these one for each, so that none depends on those before it. */
const RESAMPLINGS = 3
const COLOURS = 4
const ERASED = 5

export function createPainter(
  augmentation: Augmentation,
  normalization: Normalization,
  [height, width, channels]: DatasetFacts['imageShape'],
  { seed, epoch }: { seed: number; epoch: number },
): Painter {
  const levels = levelTables(normalization, channels)
  const { mean, std } = normalization
  const random = shifts(augmentation) ? new Random(seed, epoch, SHIFTS) : null
  const isResampled = resamples(augmentation)
  const isColoured = colours(augmentation)
  /** Levels from 0 to 255 that are no whole numbers any more. */
  const canvas = isResampled || isColoured ? new Float32Array(height * width * channels) : null
  const same = Float32Array.from({ length: channels * 256 }, (_, at) => at & 255)

  const shift = (): Shift => (random === null ? NO_SHIFT : drawShift(augmentation, height, width, random))

  function paintOver(canvas: Float32Array, image: Uint8Array, shift: Shift, place: number): void {
    if (isResampled) {
      const draws = new Random(seed, epoch, RESAMPLINGS, place)
      const resampling = drawResampling(augmentation, height, width, draws)
      resampleImage(image, canvas, height, width, resampling, shift)
    } else {
      shiftImage(image, canvas, same, width, shift)
    }
    if (isColoured) jitterColours(canvas, drawJitter(augmentation, new Random(seed, epoch, COLOURS, place)))
  }

  return {
    skip(images) {
      if (random !== null) for (let i = 0; i < images; i++) shift()
    },
    paint(image, target, place) {
      const shifted = shift()
      if (canvas !== null) {
        paintOver(canvas, image, shifted, place)
        normalize(canvas, target, mean, std)
      } else if (random !== null) shiftImage(image, target, levels, width, shifted)
      else copyImage(image, target, levels)
      cover(target, width, channels, shifted)
      if (augmentation.erasing > 0) {
        const draws = new Random(seed, epoch, ERASED, place)
        const erased = drawErased(augmentation.erasing, height, width, draws)
        if (erased !== null) erase(target, width, levels, erased, draws)
      }
    },
  }
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

function normalize(
  canvas: Float32Array,
  target: Float32Array,
  mean: readonly number[],
  std: readonly number[],
): void {
  for (let at = 0; at < canvas.length; ) {
    for (let channel = 0; channel < mean.length; channel++, at++) {
      target[at] = (canvas[at] / 255 - mean[channel]) / std[channel]
    }
  }
}
