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
  return pngFile(width, height, { colourType: 0, bits: 1 }, Buffer.alloc(height * Math.ceil(width / 8)))
}

/** PNG's number for what a pixel is: 0 grey, 2 RGB, 3 of a palette, 4 grey and alpha, 6 RGB and alpha. */
export interface PngKind {
  colourType: 0 | 2 | 3 | 4 | 6
  bits: 1 | 2 | 4 | 8 | 16
  /** Of every row; 0 where it is left out, which changes nothing. */
  filter?: number
  /** Chunks between the header and the pixels. */
  chunks?: [type: string, data: Uint8Array][]
}

/** rows: the packed samples, row after row, of 16 bits the higher byte first. */
export function pngFile(width: number, height: number, kind: PngKind, rows: Uint8Array): Buffer {
  const chunk = (type: string, data: Uint8Array) => {
    const typed = Buffer.concat([Buffer.from(type), data])
    const frame = Buffer.alloc(8)
    frame.writeUInt32BE(data.length)
    frame.writeUInt32BE(crc32(typed), 4)
    return Buffer.concat([frame.subarray(0, 4), typed, frame.subarray(4)])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width)
  header.writeUInt32BE(height, 4)
  header[8] = kind.bits
  header[9] = kind.colourType
  const row = rows.length / height
  // Every row begins with the number of its filter.
  const lines = Buffer.alloc(height * (1 + row))
  for (let y = 0; y < height; y++) {
    lines[y * (1 + row)] = kind.filter ?? 0
    lines.set(rows.subarray(y * row, (y + 1) * row), y * (1 + row) + 1)
  }
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    ...(kind.chunks ?? []).map(([type, data]) => chunk(type, data)),
    chunk('IDAT', deflateSync(lines, { level: 1 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** A PNG chunk with an ICC profile. */
export function iccChunk(profile: Uint8Array): [type: string, data: Uint8Array] {
  return ['iCCP', Buffer.concat([Buffer.from('profile\0\0'), deflateSync(profile)])]
}

/** A TIFF by its tags' own numbers; what is left out is what most files say. */
export interface TiffKind {
  photometric: number
  /** Samples of a pixel. */
  samples: number
  bits: number
  /** 1 unsigned, 2 signed, 3 floating point. */
  format?: number
  extraSamples?: number[]
  compression?: number
  orientation?: number
  icc?: Uint8Array
  /** Height of a strip, or the side of square tiles; else one strip holds everything. */
  rowsPerStrip?: number
  tile?: number
  bigEndian?: boolean
  bigTiff?: boolean
  /** Further tags, and others in place of those above. */
  tags?: [tag: number, type: number, values: number[]][]
}

/** pixels: the samples, row after row; whole bytes. Uncompressed, unless they are compressed already. */
export function tiffFile(width: number, height: number, kind: TiffKind, pixels: Uint8Array): Buffer {
  const { samples, bits, tile, bigEndian = false, bigTiff = false } = kind
  const row = Math.ceil((width * samples * bits) / 8)
  const blocks =
    tile === undefined
      ? strips(pixels, row * (kind.rowsPerStrip ?? height))
      : tiles(pixels, width, height, tile, (samples * bits) / 8)
  const [short, long, rational, undefinedBytes] = [3, 4, 5, 7]
  const offsetsTag = tile === undefined ? 273 : 324
  const tags = new Map<number, [type: number, values: ArrayLike<number>]>([
    [256, [long, [width]]],
    [257, [long, [height]]],
    [258, [short, Array<number>(samples).fill(bits)]],
    [259, [short, [kind.compression ?? 1]]],
    [262, [short, [kind.photometric]]],
    [274, [short, [kind.orientation ?? 1]]],
    [277, [short, [samples]]],
    [339, [short, Array<number>(samples).fill(kind.format ?? 1)]],
    [offsetsTag, [long, blocks.map(() => 0)]],
    [tile === undefined ? 279 : 325, [long, blocks.map((block) => block.length)]],
  ])
  if (tile === undefined) tags.set(278, [long, [kind.rowsPerStrip ?? height]])
  else for (const tag of [322, 323]) tags.set(tag, [short, [tile]])
  if (kind.extraSamples !== undefined) tags.set(338, [short, kind.extraSamples])
  if (kind.icc !== undefined) tags.set(34675, [undefinedBytes, kind.icc])
  for (const [tag, type, values] of kind.tags ?? []) tags.set(tag, [type, values])

  const [headerBytes, countBytes, entryBytes, room] = bigTiff ? [16, 8, 20, 8] : [8, 2, 12, 4]
  // Of the two numbers of a rational, each one.
  const size: Record<number, number> = { [short]: 2, [long]: 4, [rational]: 4, [undefinedBytes]: 1 }
  let spill = headerBytes + countBytes + tags.size * entryBytes + room
  const directory = Buffer.alloc(
    [...tags.values()].reduce((sum, [type, { length }]) => sum + 8 + size[type]! * length, spill),
  )
  const write = (value: number, at: number, bytes: number) => {
    if (bytes === 8)
      bigEndian
        ? directory.writeBigUInt64BE(BigInt(value), at)
        : directory.writeBigUInt64LE(BigInt(value), at)
    else bigEndian ? directory.writeUIntBE(value, at, bytes) : directory.writeUIntLE(value, at, bytes)
  }
  const offsets: number[] = []
  let end = directory.length
  for (const { length } of blocks) {
    offsets.push(end)
    end += length
  }
  directory.write(bigEndian ? 'MM' : 'II')
  write(bigTiff ? 43 : 42, 2, 2)
  if (bigTiff) write(8, 4, 2)
  write(headerBytes, bigTiff ? 8 : 4, room)
  write(tags.size, headerBytes, countBytes)
  let entry = headerBytes + countBytes
  for (const [tag, [type, values]] of [...tags].sort(([one], [other]) => one - other)) {
    write(tag, entry, 2)
    write(type, entry + 2, 2)
    write(type === rational ? values.length / 2 : values.length, entry + 4, room)
    const fits = size[type]! * values.length <= room
    const at = fits ? entry + 4 + room : spill
    if (!fits) {
      write(spill, entry + 4 + room, room)
      spill += size[type]! * values.length
    }
    const own = tag === offsetsTag && !kind.tags?.some(([other]) => other === tag) ? offsets : values
    for (let k = 0; k < own.length; k++) write(own[k]!, at + k * size[type]!, size[type]!)
    entry += entryBytes
  }
  return Buffer.concat([directory, ...blocks])
}

function strips(pixels: Uint8Array, bytes: number): Uint8Array[] {
  const count = Math.ceil(pixels.length / bytes)
  return Array.from({ length: count }, (_, k) => pixels.subarray(k * bytes, (k + 1) * bytes))
}

function tiles(pixels: Uint8Array, width: number, height: number, side: number, bytes: number): Uint8Array[] {
  const blocks: Uint8Array[] = []
  for (let top = 0; top < height; top += side) {
    for (let left = 0; left < width; left += side) {
      const block = new Uint8Array(side * side * bytes)
      for (let y = top; y < Math.min(height, top + side); y++) {
        const start = (y * width + left) * bytes
        const end = (y * width + Math.min(width, left + side)) * bytes
        block.set(pixels.subarray(start, end), (y - top) * side * bytes)
      }
      blocks.push(block)
    }
  }
  return blocks
}
