import sharp, { type FailOnOptions, type Metadata, type Sharp, type SharpOptions } from 'sharp'
import { createBudget } from '../concurrency/budget.ts'
import { avifProfile, withPngProfile } from './colour.ts'
import { type ImageFormat, plainPngSize } from './format.ts'
import { type GifFrame, readFirstGifFrame } from './gif.ts'
import { endsWithMarker, plainJpegSize, readJpegStructure } from './jpeg.ts'
import { checkImageSize, MAX_IMAGE_PIXELS } from './limits.ts'
import { readPlainPng } from './plain-png.ts'
import { isDeep, toDeepSrgb, withProfile } from './profile.ts'
import type { RgbImage } from './rgb-image.ts'
import { hasOrdinarySamples, withOrdinarySamples } from './samples.ts'
import { firstTiffPage, MAX_SAMPLES, readTiffPage, type TiffPage } from './tiff.ts'

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

/** A file as libvips gets it: of its first picture alone, where the format may hold several. */
interface PictureFile {
  bytes: Uint8Array
  failOn: FailOnOptions
  tiff?: TiffPage
  gif?: GifFrame
  /** Of its colours, where libvips does not look for it. */
  profile?: Buffer | null
}

/**
 * Decodes a picture to 8-bit sRGB, upright and on white, and shrinks it as far as it still covers `least` pixels.
 * Throws where not all of its pixels can be read: an UnsupportedImageError where the reason is known, else libvips' error.
 */
export async function decodeImage(
  format: ImageFormat,
  bytes: Uint8Array,
  least: { width: number; height: number },
): Promise<RgbImage & { original: [height: number, width: number] }> {
  const plain = format === 'PNG' ? readPlainPng(bytes, least) : null
  if (plain !== null) return { ...plain, original: [plain.height, plain.width] }
  const picture = pictureFile(format, bytes)
  const png = format === 'PNG' ? plainPngSize(picture.bytes) : null
  if (png !== null) {
    checkImageSize(png.width, png.height)
    const shrunk = await decoding.spend(png.width * png.height, () => shrink(open(picture), least))
    return { ...shrunk, original: [png.height, png.width] }
  }
  // To ask libvips takes a tenth of the time in which it reads a photograph and shrinks it.
  const jpeg = format === 'JPEG' ? plainJpegSize(bytes) : null
  if (jpeg !== null) {
    checkImageSize(jpeg.width, jpeg.height)
    const shrunk = await decoding.spend(jpeg.width * jpeg.height, () => shrinkJpeg(bytes, least))
    return { ...shrunk, original: [jpeg.height, jpeg.width] }
  }
  // Reads headers only, at any number of pixels, so that the refusal can name it.
  const metadata = await open(picture, { limitInputPixels: false }).metadata()
  if (metadata.format !== LIBVIPS_NAMES[format]) throw new Error(`libvips takes it for ${metadata.format}`)
  const { width, height } = picture.gif?.canvas ?? metadata
  checkImageSize(width, height)
  const shrunk = await decoding.spend(width * height, async () => {
    if (format === 'JPEG') return shrinkJpeg(bytes, least)
    return shrink(await inColours(picture, metadata), least)
  })
  // EXIF's orientations from 5 on lie on their side.
  return { ...shrunk, original: (metadata.orientation ?? 1) >= 5 ? [width, height] : [height, width] }
}

function pictureFile(format: ImageFormat, bytes: Uint8Array): PictureFile {
  if (format === 'TIFF') {
    const tiff = readTiffPage(bytes)
    // Only of tiles does libvips take errors for warnings; of strips it takes unknown tags for them.
    return { bytes: firstTiffPage(bytes, tiff), failOn: tiff.tiled ? 'warning' : 'error', tiff }
  }
  if (format === 'PNG') return { bytes: withPngProfile(bytes), failOn: 'error' }
  if (format === 'AVIF') return { bytes, failOn: 'error', profile: avifProfile(bytes) }
  const gif = format === 'GIF' ? readFirstGifFrame(bytes) : null
  if (gif !== null) return { bytes: gif.bytes, failOn: 'warning', gif }
  return { bytes, failOn: 'error' }
}

function open({ bytes, failOn }: PictureFile, options: SharpOptions = {}): Sharp {
  return sharp(bytes, {
    failOn,
    limitInputPixels: MAX_IMAGE_PIXELS,
    limitInputChannels: MAX_SAMPLES,
    ...options,
  }).timeout({ seconds: DECODE_SECONDS })
}

/** The picture in colours that libvips brings to sRGB rightly by itself. */
async function inColours(picture: PictureFile, metadata: Metadata): Promise<Sharp> {
  const { tiff, gif, profile } = picture
  if (gif !== undefined && !covers(gif)) return onCanvas(picture, gif)
  if (tiff !== undefined && !hasOrdinarySamples(tiff)) {
    return ofTiff(await withOrdinarySamples(picture.bytes, tiff, metadata.icc, picture))
  }
  if (profile !== undefined && profile !== null && metadata.icc === undefined)
    return ofTiff(await withProfile(open(picture), metadata, profile))
  return isDeep(metadata) ? toDeepSrgb((options) => open(picture, options), metadata) : open(picture)
}

async function ofTiff(bytes: Buffer): Promise<Sharp> {
  const picture: PictureFile = { bytes, failOn: 'error' }
  return inColours(picture, await open(picture).metadata())
}

function covers({ left, top, width, height, canvas }: GifFrame): boolean {
  return left === 0 && top === 0 && width === canvas.width && height === canvas.height
}

/**
 * What a GIF's first picture leaves free of its canvas is transparent. libvips makes it black, and takes canvases of
 * some sizes, such as 640 x 480, for wrong and leaves them away.
 */
async function onCanvas(
  picture: PictureFile,
  { canvas, left, top, width, height }: GifFrame,
): Promise<Sharp> {
  if (width === 0 || height === 0) throw new Error('its first picture has no pixels')
  const background = { background: PAPER }
  const { data, info } = await open(picture)
    .extract({ left, top, width, height })
    .flatten(background)
    .extend({
      left,
      top,
      right: canvas.width - left - width,
      bottom: canvas.height - top - height,
      ...background,
    })
    .raw()
    .toBuffer({ resolveWithObject: true })
  return sharp(data, { raw: { width: info.width, height: info.height, channels: info.channels } })
}

/** Shrinks without cropping: libvips reads only the rows it needs, so a crop in the same pass would let a tall picture through whose lower end is missing. */
async function shrink(picture: Sharp, least: { width: number; height: number }): Promise<RgbImage> {
  const { data, info } = await picture
    .autoOrient()
    .flatten({ background: PAPER })
    .resize({ ...least, fit: 'outside', kernel: 'lanczos3', withoutEnlargement: true })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  if (info.channels !== 3) throw new Error(`${info.channels} channels after conversion to sRGB`)
  return { pixels: data, width: info.width, height: info.height }
}

/** What libjpeg warns of when pixels are lost; of anything else (stray bytes between markers, odd versions) none are. */
const LOST = /premature end|bad (huffman|arithmetic) code|instead of RST/i

async function shrinkJpeg(bytes: Uint8Array, least: { width: number; height: number }): Promise<RgbImage> {
  const end = endsWithMarker(bytes) ? null : readJpegStructure(bytes)
  if (end !== null && !end.ended) return shrinkUnended(bytes, end.allScans, least)
  try {
    return await shrink(open({ bytes, failOn: 'warning' }), least)
  } catch (error) {
    if (!(error instanceof Error) || LOST.test(error.message)) throw error
    return shrink(open({ bytes, failOn: 'error' }), least)
  }
}

/**
 * A JPEG without its end marker may have all of its pixels nevertheless: then it looks the same, whatever follows.
 * libjpeg itself does not tell when it fills up what is missing in the last rows.
 */
async function shrinkUnended(
  bytes: Uint8Array,
  allScans: boolean,
  least: { width: number; height: number },
): Promise<RgbImage> {
  if (!allScans) throw new Error('scans are missing')
  // A lone 0xff at the end may be the first half of the end marker.
  const data = bytes.at(-1) === 0xff ? bytes.subarray(0, -1) : bytes
  const end = Buffer.of(0xff, 0xd9)
  const picture = await shrink(open({ bytes: Buffer.concat([data, end]), failOn: 'warning' }), least)
  const followed = Buffer.concat([data, anything(1 << 18), end])
  const other = await shrink(open({ bytes: followed, failOn: 'error' }), least)
  if (!picture.pixels.equals(other.pixels)) throw new Error('the last rows are missing')
  return picture
}

/** Bytes without order, none of which begins a marker. */
function anything(length: number): Buffer {
  let state = 1
  return Buffer.from(
    Uint8Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return (state >>> 24) % 0xff
    }),
  )
}
