import sharp, { type Sharp } from 'sharp'
import { decodeImage } from './decoding.ts'
import { UnsupportedImageError } from './errors.ts'
import { sniffImageFormat } from './format.ts'
import { refusal } from './refusal.ts'
import { COVER, type Resize } from './resize.ts'
import type { RgbImage } from './rgb-image.ts'

/** A picture as a network sees it. */
export interface PreparedImage {
  /** RGB bytes, row by row: height * width * 3. */
  pixels: Uint8Array
  /** [height, width] of the picture before it was scaled. */
  original: [number, number]
}

/**
 * Decodes a picture and scales it to a network's input of `size` = [height, width] pixels by its rule: upright by
 * its EXIF orientation, on white where it is transparent, in 8-bit sRGB, scaled by Lanczos3. Of an animation or a
 * document of many pages, the first is taken.
 * Throws an UnsupportedImageError for every picture whose pixels cannot all be read.
 */
export async function prepareImage(
  bytes: Uint8Array,
  size: [number, number],
  resize: Resize = COVER,
): Promise<PreparedImage> {
  const format = sniffImageFormat(bytes)
  const least = resize.rule === 'COVER' ? (resize.shorterSide ?? 0) : 0
  try {
    const [height, width] = size.map((side) => Math.max(side, least)) as [number, number]
    const picture = await decodeImage(format, bytes, { width, height })
    return { pixels: await fitImage(picture, size, resize), original: picture.original }
  } catch (error) {
    if (error instanceof UnsupportedImageError) throw error
    throw refusal(format, bytes, error instanceof Error ? error.message : String(error))
  }
}

const BLACK = '#000000'
/** How sharp calls the rules. */
const FITS = { COVER: 'cover', STRETCH: 'fill', CONTAIN: 'contain' } as const

/** pixels: RGB bytes of a picture of `size` = [height, width]. */
export function encodePng(pixels: Uint8Array, size: [number, number]): Promise<Buffer> {
  return fromRgb(pixels, size[1], size[0]).png().toBuffer()
}

function fromRgb(pixels: Uint8Array, width: number, height: number): Sharp {
  return sharp(pixels, { raw: { width, height, channels: 3 } })
}

/** Scales a picture that is decoded already to `size` = [height, width] pixels: height * width * 3 RGB bytes. */
export async function fitImage(
  picture: RgbImage,
  [height, width]: [number, number],
  { rule, shorterSide, background = BLACK }: Resize,
): Promise<Uint8Array> {
  if (rule !== 'COVER' || shorterSide === null) {
    if (picture.width === width && picture.height === height) return picture.pixels
    // Most photographs are shrunk to one of the two sides: nothing is left to scale.
    const isShrunk = picture.width === width || picture.height === height
    if (rule === 'COVER' && isShrunk && picture.width >= width && picture.height >= height)
      return centreOf(picture, width, height)
  }
  const all = { left: 0, top: 0, width: picture.width, height: picture.height }
  const seen = rule === 'COVER' ? middle(picture, width / height) : all
  const shrunk = fromRgb(picture.pixels, picture.width, picture.height).extract(seen)
  if (rule !== 'COVER' || shorterSide === null) {
    const fit = FITS[rule]
    return shrunk
      .resize({ width, height, fit, background, position: 'centre', kernel: 'lanczos3' })
      .raw()
      .toBuffer()
  }
  const scale = shorterSide / Math.min(seen.width, seen.height)
  const scaled = [seen.height, seen.width].map((side) => Math.max(shorterSide, Math.round(side * scale))) as [
    number,
    number,
  ]
  return shrunk
    .resize({ width: scaled[1], height: scaled[0], fit: 'fill', kernel: 'lanczos3' })
    .extract({
      top: Math.round((scaled[0] - height) / 2),
      left: Math.round((scaled[1] - width) / 2),
      width,
      height,
    })
    .raw()
    .toBuffer()
}

/** What libvips cuts out of the middle, too: of an odd rest, one more is left away before it than behind it. */
function centreOf(picture: RgbImage, width: number, height: number): Uint8Array {
  const left = (picture.width - width + 1) >> 1
  const top = (picture.height - height + 1) >> 1
  const cut = new Uint8Array(width * height * 3)
  for (let row = 0; row < height; row++) {
    const from = ((top + row) * picture.width + left) * 3
    cut.set(picture.pixels.subarray(from, from + width * 3), row * width * 3)
  }
  return cut
}

/** How much longer than what is seen of it a picture may be; the rest would be scaled for nothing, beyond what libvips takes. */
const MUCH = 64

/**
 * The part of a picture that a window of a ratio of sides, as high or as wide as the picture, can show of its middle,
 * with room around it for the filter: of most pictures everything, of a line of 1 x 65,535 pixels a small part.
 */
function middle(
  { width, height }: RgbImage,
  ratio: number,
): { left: number; top: number; width: number; height: number } {
  const part = (long: number, seen: number) => {
    if (long <= MUCH * Math.max(1, seen)) return { start: 0, length: long }
    // An even rest leaves the middle where it is.
    const length = Math.ceil(seen) + MUCH
    const rest = long - length
    return { start: rest >> 1, length: length + (rest & 1) }
  }
  const across = part(width, height * ratio)
  const down = part(height, width / ratio)
  return { left: across.start, top: down.start, width: across.length, height: down.length }
}
