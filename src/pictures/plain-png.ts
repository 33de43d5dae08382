import { crc32, inflateSync } from 'node:zlib'
import type { RgbImage } from './rgb-image.ts'

/**
 * Reads the kind of PNG that small pictures are sent as: at most 128 x 128 pixels, 8 bits a sample, not interlaced,
 * grey, RGB, or RGBA without anything transparent, and nothing told of its colours. libvips takes 0.43 ms of
 * processor time for one of 32 x 32 pixels (`npm run bench -- serving --parts=cost`), most of it for its threads.
 * -> null for any other file, for one that is to be shrunk, and for one that is not whole: libvips reads it, or says
 * what is wrong with it.
 * @param least  what is left of it covers this, and no more where it is larger
 */
export function readPlainPng(bytes: Uint8Array, least: { width: number; height: number }): RgbImage | null {
  const png = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const chunks = chunksOf(png)
  if (chunks === null) return null
  const { header, data } = chunks
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)]
  const samples = SAMPLES[header[9]!]
  // Compression and filter have one method each.
  const isPlain = header[8] === 8 && header[10] === 0 && header[11] === 0 && header[12] === 0
  const isSmall = width * height <= MAX_PIXELS && (width <= least.width || height <= least.height)
  if (!isPlain || samples === undefined || !isSmall || width === 0 || height === 0) return null
  const length = height * (1 + width * samples)
  let rows: Buffer
  try {
    rows = inflateSync(data, { maxOutputLength: length })
  } catch {
    return null
  }
  if (rows.length !== length || !unfilter(rows, height, width * samples, samples)) return null
  const pixels = toRgb(rows, width, height, samples)
  return pixels === null ? null : { pixels, width, height }
}

const MAX_PIXELS = 128 * 128
const SIGNATURE = 8
/** Of a pixel, by the colour type. */
const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 6: 4 }
/** What says nothing of the pixels. Texts may hold EXIF, which says what is up. */
const IDLE = new Set(['pHYs', 'tIME', 'sRGB'])

/** Null where there is any other chunk, or a checksum that is wrong, or an end that is missing. */
function chunksOf(png: Buffer): { header: Buffer; data: Buffer } | null {
  let header: Buffer | undefined
  const parts: Buffer[] = []
  for (let at = SIGNATURE; at + 12 <= png.length; ) {
    const end = at + 8 + png.readUInt32BE(at)
    if (end + 4 > png.length || crc32(png.subarray(at + 4, end)) !== png.readUInt32BE(end)) return null
    const type = png.toString('latin1', at + 4, at + 8)
    const content = png.subarray(at + 8, end)
    if ((header === undefined) !== (type === 'IHDR')) return null
    if (type === 'IHDR' && content.length === 13) header = content
    else if (type === 'IDAT') parts.push(content)
    else if (type === 'IEND')
      return { header: header!, data: parts.length === 1 ? parts[0]! : Buffer.concat(parts) }
    else if (!IDLE.has(type)) return null
    at = end + 4
  }
  return null
}

/**
 * Undoes the filters of the rows in place (PNG, third edition, 9.2). Each row begins with the number of its filter.
 * -> false where there is no such filter
 * @param before  how far back in the row the same sample of the pixel on the left lies
 */
function unfilter(rows: Buffer, height: number, stride: number, before: number): boolean {
  for (let row = 0; row < height; row++) {
    const start = row * (stride + 1) + 1
    const up = (at: number) => (row === 0 ? 0 : rows[at - stride - 1]!)
    const left = (at: number) => (at - start < before ? 0 : rows[at - before]!)
    const upLeft = (at: number) => (row === 0 || at - start < before ? 0 : rows[at - stride - 1 - before]!)
    const end = start + stride
    switch (rows[start - 1]) {
      case 0:
        break
      case 1:
        for (let at = start + before; at < end; at++) rows[at]! += rows[at - before]!
        break
      case 2:
        for (let at = start; at < end; at++) rows[at]! += up(at)
        break
      case 3:
        for (let at = start; at < end; at++) rows[at]! += (left(at) + up(at)) >> 1
        break
      case 4:
        for (let at = start; at < end; at++) rows[at]! += paeth(left(at), up(at), upLeft(at))
        break
      default:
        return false
    }
  }
  return true
}

function paeth(left: number, up: number, upLeft: number): number {
  const [a, b, c] = [Math.abs(up - upLeft), Math.abs(left - upLeft), Math.abs(left + up - 2 * upLeft)]
  if (a <= b && a <= c) return left
  return b <= c ? up : upLeft
}

/** Null where a pixel lets something through. */
function toRgb(rows: Buffer, width: number, height: number, samples: number): Buffer | null {
  const pixels = Buffer.allocUnsafe(width * height * 3)
  let to = 0
  for (let row = 0; row < height; row++) {
    let at = row * (width * samples + 1) + 1
    for (let column = 0; column < width; column++, at += samples) {
      if (samples === 4 && rows[at + 3] !== 255) return null
      pixels[to++] = rows[at]!
      pixels[to++] = rows[samples === 1 ? at : at + 1]!
      pixels[to++] = rows[samples === 1 ? at : at + 2]!
    }
  }
  return pixels
}
