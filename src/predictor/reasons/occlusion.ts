import { setMaxListeners } from 'node:events'

/** What the square that hides a part of the picture is made of: RGB. */
const GREY = 128
/** The square's edges are such a part of the picture's. */
const PART = 4
/** Pictures with a part hidden that are in memory at one time. */
const SIDE_BY_SIDE = 16

/** Where a square lies, in pixels. */
interface Square {
  top: number
  left: number
  height: number
  width: number
}

/**
 * Zeiler and Fergus 2013, "Visualizing and understanding convolutional networks", section 4.2: how much less likely a
 * class is when a grey square hides a part of the picture. The square is a quarter of the picture high and wide, and is
 * moved by half of that: 49 pictures where the sides are multiples of 8, and not many more elsewhere. A pixel has the
 * mean of the squares that hide it.
 *
 * @param pixels  RGB bytes of the picture, [height, width, 3]
 * @param usual   the probability of the class when nothing is hidden
 * @param ask     the probability of the class for such a picture; the signal is aborted when it is not wanted any more
 * @returns [height, width], from -1 to 1
 */
export async function occlusion(
  pixels: Uint8Array,
  [height, width]: readonly [number, number],
  usual: number,
  ask: (pixels: Uint8Array, signal: AbortSignal) => Promise<number>,
  given?: AbortSignal,
): Promise<Float32Array> {
  const sums = new Float32Array(height * width)
  const counts = new Uint16Array(height * width)
  const squares = squaresOf(height, width)
  const failed = new AbortController()
  const signal = given === undefined ? failed.signal : AbortSignal.any([given, failed.signal])
  // Each that is asked listens to it.
  setMaxListeners(SIDE_BY_SIDE, signal)

  async function hideOneAfterTheOther(): Promise<void> {
    for (let square = squares.pop(); square !== undefined; square = squares.pop()) {
      const drop = usual - (await ask(hidden(pixels, width, square), signal))
      eachPixel(square, width, (at) => {
        sums[at]! += drop
        counts[at]! += 1
      })
    }
  }

  try {
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, hideOneAfterTheOther))
  } finally {
    // Where one fails, the others are asked for nothing.
    squares.length = 0
    failed.abort()
  }
  return sums.map((sum, at) => sum / counts[at]!)
}

function squaresOf(height: number, width: number): Square[] {
  const rows = placesOf(height)
  const columns = placesOf(width)
  return rows.starts.flatMap((top) =>
    columns.starts.map((left) => ({ top, left, height: rows.length, width: columns.length })),
  )
}

/** Along one side: the last one ends where the picture does. */
function placesOf(side: number): { length: number; starts: number[] } {
  const length = Math.max(1, Math.round(side / PART))
  const stride = Math.max(1, Math.round(length / 2))
  const count = Math.ceil((side - length) / stride) + 1
  return {
    length,
    starts: Array.from({ length: count }, (_, i) => Math.min(i * stride, side - length)),
  }
}

function hidden(pixels: Uint8Array, width: number, square: Square): Uint8Array {
  // Not slice(): a Buffer's shares its memory.
  const copy = new Uint8Array(pixels)
  eachPixel(square, width, (at) => copy.fill(GREY, at * 3, at * 3 + 3))
  return copy
}

function eachPixel(square: Square, pictureWidth: number, task: (at: number) => void): void {
  for (let y = square.top; y < square.top + square.height; y++) {
    for (let x = square.left; x < square.left + square.width; x++) task(y * pictureWidth + x)
  }
}
