import { createHash } from 'node:crypto'

/** What tells an image from others, and what the statistics need of it. */
export interface Fingerprint {
  /** 128 bits of the sha256 of its pixels: the same for the same pixels alone. */
  digest: string
  /** Two words: the 64 bits of its difference hash, see `differenceHash`. */
  hash: [number, number]
  /** [8, 8, 3]: its mean colours in squares of an eighth of its sides. */
  thumbnail: Uint8Array
  /** Sums of each channel's values 0..255, then sums of their squares: whole numbers. */
  sums: Float64Array
}

const SIDE = 8

/** One column more than the hash has bits in a row. */
const COLUMNS = SIDE + 1

/** @param pixels  [height, width, 3] */
export function fingerprintOf(pixels: Uint8Array, height: number, width: number): Fingerprint {
  const digest = createHash('sha256').update(pixels).digest().toString('latin1', 0, 16)
  const sums = new Float64Array(6)
  const thumbnail = new Uint8Array(SIDE * SIDE * 3)
  const levels = new Float64Array(SIDE * COLUMNS)
  for (let row = 0; row < SIDE; row++) {
    const [top, bottom] = [beginOf(row, SIDE, height), beginOf(row + 1, SIDE, height)]
    for (let column = 0; column < SIDE; column++) {
      const [left, right] = [beginOf(column, SIDE, width), beginOf(column + 1, SIDE, width)]
      addCell(pixels, width, top, bottom, left, right, thumbnail, 3 * (row * SIDE + column), sums)
    }
    for (let column = 0; column < COLUMNS; column++) {
      const [left, right] = [beginOf(column, COLUMNS, width), beginOf(column + 1, COLUMNS, width)]
      levels[row * COLUMNS + column] = levelOf(pixels, width, top, bottom, left, right)
    }
  }
  return { digest, hash: differenceHash(levels), thumbnail, sums }
}

/** Where a part of a side begins. */
const beginOf = (part: number, parts: number, side: number) => Math.floor((part * side) / parts)

/** Writes the mean colour of a rectangle, and adds its values and their squares to the sums. */
function addCell(
  pixels: Uint8Array,
  width: number,
  top: number,
  bottom: number,
  left: number,
  right: number,
  colours: Uint8Array,
  at: number,
  sums: Float64Array,
): void {
  let [red, green, blue, red2, green2, blue2] = [0, 0, 0, 0, 0, 0]
  for (let y = top; y < bottom; y++) {
    const end = 3 * (y * width + right)
    for (let i = 3 * (y * width + left); i < end; i += 3) {
      const r = pixels[i]!
      const g = pixels[i + 1]!
      const b = pixels[i + 2]!
      red += r
      green += g
      blue += b
      red2 += r * r
      green2 += g * g
      blue2 += b * b
    }
  }
  const count = Math.max(1, (bottom - top) * (right - left))
  colours[at] = Math.round(red / count)
  colours[at + 1] = Math.round(green / count)
  colours[at + 2] = Math.round(blue / count)
  sums[0]! += red
  sums[1]! += green
  sums[2]! += blue
  sums[3]! += red2
  sums[4]! += green2
  sums[5]! += blue2
}

/** The mean brightness of a rectangle by ITU-R BT.601's weights, 0 to 255. */
function levelOf(
  pixels: Uint8Array,
  width: number,
  top: number,
  bottom: number,
  left: number,
  right: number,
): number {
  let sum = 0
  for (let y = top; y < bottom; y++) {
    const end = 3 * (y * width + right)
    for (let i = 3 * (y * width + left); i < end; i += 3)
      sum += 299 * pixels[i]! + 587 * pixels[i + 1]! + 114 * pixels[i + 2]!
  }
  return sum / (1000 * Math.max(1, (bottom - top) * (right - left)))
}

/** Less is noise: in a plain area it would decide bits. */
const LEAST_DIFFERENCE = 2

/**
 * The difference hash (Krawetz, "Kind of Like That", 2013): for each of 8 x 9 mean levels, whether the one to its right
 * is brighter.
 * @param levels  [8, 9]
 */
function differenceHash(levels: Float64Array): [number, number] {
  const words: [number, number] = [0, 0]
  for (let bit = 0; bit < SIDE * SIDE; bit++) {
    const at = Math.floor(bit / SIDE) * COLUMNS + (bit % SIDE)
    if (levels[at + 1]! - levels[at]! > LEAST_DIFFERENCE) words[bit >> 5]! |= 1 << (bit & 31)
  }
  return words
}
