import { encodePng } from '../../pictures/image.ts'

/** What speaks for a class, and what against it: vermilion and blue of Okabe and Ito, which all eyes tell apart. */
const FOR = [213, 94, 0]
const AGAINST = [0, 114, 178]
/** The picture beneath is grey, so that the colours are those of the map alone, and paler, so that they are seen. */
const PALE = 0.4

/**
 * A PNG of a picture in pale grey with a map over it: the larger a value is beside the largest of all, the less of the
 * picture is seen through its colour. A map of zeros leaves the picture alone.
 *
 * @param pixels  RGB bytes, [height, width, 3]
 * @param values  [height, width]; negative ones speak against
 */
export function drawHeatMap(
  pixels: Uint8Array,
  values: Float32Array,
  size: [height: number, width: number],
): Promise<Buffer> {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1
  const drawn = new Uint8Array(pixels.length)
  for (const [at, value] of values.entries()) {
    const colour = value < 0 ? AGAINST : FOR
    const strength = Math.abs(value) / largest
    const [red, green, blue] = [pixels[at * 3]!, pixels[at * 3 + 1]!, pixels[at * 3 + 2]!]
    const grey = 255 * PALE + (1 - PALE) * (0.299 * red + 0.587 * green + 0.114 * blue)
    for (let channel = 0; channel < 3; channel++) {
      drawn[at * 3 + channel] = Math.round(grey + strength * (colour[channel]! - grey))
    }
  }
  return encodePng(drawn, size)
}
