import sharp, { type Metadata, type Sharp } from 'sharp'
import { COVER, type Resize } from '../models/preprocessing.ts'
import { createBudget } from './budget.ts'
import { UnsupportedImageError } from './errors.ts'
import { endsEarly, type ImageFormat, sniffImageFormat } from './image-format.ts'
import { MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE } from './image-limits.ts'

/** A picture as a network sees it. */
export interface PreparedImage {
  /** RGB bytes, row by row: height * width * 3. */
  pixels: Uint8Array
  /** The same picture for people. */
  png: Buffer
}

/** libvips gives up on a picture after this time; 64 megapixels of AVIF take 10 s on one core. */
const DECODE_SECONDS = 60

/** How libvips names the formats that image-format.ts lets through. */
const LIBVIPS_NAMES: Record<ImageFormat, string> = {
  JPEG: 'jpeg',
  PNG: 'png',
  WebP: 'webp',
  GIF: 'gif',
  AVIF: 'heif',
  TIFF: 'tiff',
}

const PAPER = '#ffffff'

/** The pictures decoded at one time have no more pixels together than the largest one may have alone. */
const decoding = createBudget(MAX_IMAGE_PIXELS)

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
  try {
    // Reads headers only, at any number of pixels, so that the refusal can name it.
    const metadata = await open(bytes, false).metadata()
    checkHeader(format, metadata)
    const pixels = await decoding.spend(metadata.width * metadata.height, () => decode(bytes, size, resize))
    return { pixels, png: await encodePng(pixels, size) }
  } catch (error) {
    if (error instanceof UnsupportedImageError) throw error
    throw refusal(format, bytes, error instanceof Error ? error.message : String(error))
  }
}

/** pixels: RGB bytes of a picture of `size` = [height, width]. */
export function encodePng(pixels: Uint8Array, size: [number, number]): Promise<Buffer> {
  return fromRgb(pixels, size[1], size[0]).png().toBuffer()
}

function open(bytes: Uint8Array, limitInputPixels: number | false): Sharp {
  return sharp(bytes, { failOn: 'error', limitInputPixels })
}

function fromRgb(pixels: Uint8Array, width: number, height: number): Sharp {
  return sharp(pixels, { raw: { width, height, channels: 3 } })
}

function checkHeader(format: ImageFormat, { format: name, width, height }: Metadata): void {
  if (name !== LIBVIPS_NAMES[format]) throw new Error(`libvips takes it for ${name}`)
  if (width * height > MAX_IMAGE_PIXELS || Math.max(width, height) > MAX_IMAGE_SIDE) {
    throw new UnsupportedImageError(
      'TOO_MANY_PIXELS',
      `The picture has ${width} x ${height} pixels; at most ${MAX_IMAGE_PIXELS / 1e6} million are taken, ` +
        `and ${MAX_IMAGE_SIDE} on a side.`,
    )
  }
}

async function decode(
  bytes: Uint8Array,
  [height, width]: [number, number],
  { rule, shorterSide }: Resize,
): Promise<Uint8Array> {
  const least = rule === 'COVER' ? (shorterSide ?? 0) : 0
  // Shrinks without cropping: libvips reads only the rows it needs, so a crop in the same pass
  // would let a tall picture through whose lower end is missing.
  const whole = await open(bytes, MAX_IMAGE_PIXELS)
    .timeout({ seconds: DECODE_SECONDS })
    .autoOrient()
    .flatten({ background: PAPER })
    .resize({
      width: Math.max(width, least),
      height: Math.max(height, least),
      fit: 'outside',
      kernel: 'lanczos3',
      withoutEnlargement: true,
    })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  if (whole.info.channels !== 3) throw new Error(`${whole.info.channels} channels after conversion to sRGB`)
  const { width: fullWidth, height: fullHeight } = whole.info
  const shrunk = fromRgb(whole.data, fullWidth, fullHeight)
  if (rule === 'STRETCH' || shorterSide === null) {
    const fit = rule === 'STRETCH' ? 'fill' : 'cover'
    return shrunk.resize({ width, height, fit, position: 'centre', kernel: 'lanczos3' }).raw().toBuffer()
  }
  const scale = shorterSide / Math.min(fullWidth, fullHeight)
  const scaled = [fullHeight, fullWidth].map((side) => Math.max(shorterSide, Math.round(side * scale))) as [
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

/** libvips tells the cause in its message only. */
function refusal(format: ImageFormat, bytes: Uint8Array, detail: string): UnsupportedImageError {
  if (endsEarly(format, bytes) || /premature end|unexpected end|end of file|bad seek/i.test(detail)) {
    return new UnsupportedImageError(
      'TRUNCATED',
      `The ${format} is cut short: its end is missing after ${bytes.length} bytes. Send the whole file.`,
    )
  }
  const [cause = ''] = detail.split('\n')
  return new UnsupportedImageError('DAMAGED', `The ${format} cannot be decoded (${cause.trim()}).`)
}
