import { crc32, deflateSync } from 'node:zlib'
import sharp, { type Sharp } from 'sharp'

/** Red, green, blue, yellow: top left, top right, bottom left, bottom right. */
const QUADRANTS = [
  [220, 30, 30],
  [30, 200, 30],
  [30, 30, 220],
  [220, 220, 30],
] as const

export type Colour = 'red' | 'green' | 'blue' | 'yellow' | 'white' | 'black' | 'grey'

/** A picture whose four quarters have different colours, so that every turn of it can be told from the others. */
export function quadrants(width = 64, height = 64): Sharp {
  const pixels = Buffer.alloc(width * height * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const quadrant = QUADRANTS[(y < height / 2 ? 0 : 2) + (x < width / 2 ? 0 : 1)]!
      pixels.set(quadrant, (y * width + x) * 3)
    }
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
}

/** A picture of noise from a seed: it does not compress, and no two seeds look alike. */
export function noise(seed: number, width = 32, height = 32): Sharp {
  return sharp(noisePixels(seed, width, height), { raw: { width, height, channels: 3 } })
}

/** RGB bytes, row by row, by a linear congruential generator (Numerical Recipes' constants). */
export function noisePixels(seed: number, width = 32, height = 32): Uint8Array {
  let state = Math.imul(seed + 1, 2654435761) >>> 0
  return Uint8Array.from({ length: width * height * 3 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  })
}

/** What a person would call the colour at a place; x and y are fractions of the side. */
export function colourAt(pixels: Uint8Array, side: number, x: number, y: number): Colour | string {
  const at = (Math.floor(y * side) * side + Math.floor(x * side)) * 3
  const [r = 0, g = 0, b = 0] = pixels.subarray(at, at + 3)
  const [low, high] = [Math.min(r, g, b), Math.max(r, g, b)]
  const even = high - low < 12
  const lit = [r, g, b].map((value) => value - low > (high - low) / 2).join()
  if (even) return r > 240 ? 'white' : r < 15 ? 'black' : 'grey'
  const names: Record<string, Colour> = {
    'true,false,false': 'red',
    'false,true,false': 'green',
    'false,false,true': 'blue',
    'true,true,false': 'yellow',
  }
  return names[lit] ?? `rgb(${r},${g},${b})`
}

/** The colours of the four corners: top left, top right, bottom left, bottom right. */
export function corners(pixels: Uint8Array, side = 32): string {
  const places = [
    [0.1, 0.1],
    [0.9, 0.1],
    [0.1, 0.9],
    [0.9, 0.9],
  ] as const
  return places.map(([x, y]) => colourAt(pixels, side, x, y)).join(' ')
}

/** One bit a pixel: 256 megapixels are 32 MB before and 140 kB after compression. sharp takes seconds for it. */
export function blackPng(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const typed = Buffer.concat([Buffer.from(type), data])
    const frame = Buffer.alloc(8)
    frame.writeUInt32BE(data.length)
    frame.writeUInt32BE(crc32(typed), 4)
    return Buffer.concat([frame.subarray(0, 4), typed, frame.subarray(4)])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width)
  header.writeUInt32BE(height, 4)
  header[8] = 1
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    // Every row begins with the number of its filter.
    chunk('IDAT', deflateSync(Buffer.alloc(height * (1 + Math.ceil(width / 8))), { level: 1 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}
