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

/** @param pixels  [height, width, 3] */
export function fingerprintOf(pixels: Uint8Array, height: number, width: number): Fingerprint {
  const digest = createHash('sha256').update(pixels).digest().toString('latin1', 0, 16)
  const sums = new Float64Array(6)
  // One column more than the hash has bits in a row.
  const columns = SIDE + 1
  const cells = new Float64Array(SIDE * SIDE * 3)
  const cellCounts = new Uint32Array(SIDE * SIDE)
  const levels = new Float64Array(SIDE * columns)
  const levelCounts = new Uint32Array(SIDE * columns)
  for (let y = 0, at = 0; y < height; y++) {
    const row = Math.floor((y * SIDE) / height)
    for (let x = 0; x < width; x++, at += 3) {
      const [red, green, blue] = [pixels[at]!, pixels[at + 1]!, pixels[at + 2]!]
      sums[0]! += red
      sums[1]! += green
      sums[2]! += blue
      sums[3]! += red * red
      sums[4]! += green * green
      sums[5]! += blue * blue
      const cell = row * SIDE + Math.floor((x * SIDE) / width)
      cells[3 * cell]! += red
      cells[3 * cell + 1]! += green
      cells[3 * cell + 2]! += blue
      cellCounts[cell]! += 1
      const level = row * columns + Math.floor((x * columns) / width)
      // ITU-R BT.601's weights, in thousandths: whole numbers add up to the same in any order.
      levels[level]! += 299 * red + 587 * green + 114 * blue
      levelCounts[level]! += 1
    }
  }
  const thumbnail = Uint8Array.from(cells, (sum, i) => Math.round(sum / cellCounts[Math.floor(i / 3)]!))
  const means = levels.map((sum, i) => sum / levelCounts[i]! / 1000)
  return { digest, hash: differenceHash(means), thumbnail, sums }
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
    const at = Math.floor(bit / SIDE) * (SIDE + 1) + (bit % SIDE)
    if (levels[at + 1]! - levels[at]! > LEAST_DIFFERENCE) words[bit >> 5]! |= 1 << (bit & 31)
  }
  return words
}
