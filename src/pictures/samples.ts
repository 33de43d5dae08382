import sharp, { type FailOnOptions } from 'sharp'
import { UnsupportedImageError } from './errors.ts'
import { MAX_IMAGE_PIXELS } from './limits.ts'
import { COLOURS, COMPRESSION, PHOTOMETRIC, SAMPLE_FORMAT, type TiffPage, unsupportedTiff } from './tiff.ts'
import { writeTiff } from './tiff-writer.ts'

/** The most bytes of samples that are converted at once: three 32-bit ones for every pixel of the largest picture. */
const MAX_SAMPLE_BYTES = MAX_IMAGE_PIXELS * 12

/** Floating-point pictures that were scaled ring a little around their edges; beyond that they are not from 0 to 1. */
const RINGING = 0.05

/** Whether libvips takes the samples for what they are: 8 or 16 unsigned bits, and nothing beside the colours but alpha. */
export function hasOrdinarySamples(page: TiffPage): boolean {
  const { photometric, bits, sampleFormat, extraSamples } = page
  if (bits === 32 || sampleFormat === SAMPLE_FORMAT.float) return false
  if (photometric === PHOTOMETRIC.ycbcr && page.compression !== COMPRESSION.jpeg) return !page.fullColour
  if (extraSamples.length === 0) return true
  // Of CMYK, libvips takes every alpha for one of 8 bits.
  if (photometric === PHOTOMETRIC.cmyk && bits === 16) return false
  return extraSamples.length === 1 && isAlpha(extraSamples[0]!)
}

/**
 * The same page with ordinary samples, as a TIFF: 8 or 16 unsigned bits, alpha that the colours are not multiplied by,
 * and neither masks nor spot colours. Floating-point samples are from 0 for black to 1 for white.
 * bytes: the file, of one page. icc: its profile.
 */
export async function withOrdinarySamples(
  bytes: Uint8Array,
  page: TiffPage,
  icc: Uint8Array | undefined,
  options: { failOn: FailOnOptions },
): Promise<Buffer> {
  const { width, height, photometric, orientation, extraSamples } = page
  if ((width * height * page.samples * page.bits) / 8 > MAX_SAMPLE_BYTES) {
    throw new UnsupportedImageError(
      'TOO_MANY_PIXELS',
      `The picture has ${width} x ${height} pixels of ${page.samples} samples of ${page.bits} bits; ` +
        `at most ${MAX_SAMPLE_BYTES / 1e6} MB are converted.`,
    )
  }
  const samples = await readSamples(bytes, page, options)
  const { file, pixels } = writeTiff({
    width,
    height,
    photometric: photometric === PHOTOMETRIC.ycbcr ? PHOTOMETRIC.rgb : photometric,
    bits: page.bits > 8 && photometric !== PHOTOMETRIC.cmyk ? 16 : 8,
    colours: COLOURS[photometric]!,
    alpha: extraSamples.some(isAlpha),
    orientation,
    icc,
  })
  convert(samples, page, pixels)
  return file
}

function isAlpha(extra: number): boolean {
  return extra === 1 || extra === 2
}

type Samples = Uint8Array | Uint16Array | Uint32Array | Float32Array

/** The samples as they are stored, all channels of a pixel after another. */
async function readSamples(
  bytes: Uint8Array,
  page: TiffPage,
  { failOn }: { failOn: FailOnOptions },
): Promise<Samples> {
  // Without a meaning the samples are not inverted, multiplied, clipped or left out by any reader. CMYK of fewer
  // samples than four is none.
  const stored = Buffer.from(bytes)
  const set = (at: number, value: number) =>
    page.littleEndian ? stored.writeUInt16LE(value, at) : stored.writeUInt16BE(value, at)
  set(page.places.photometric, page.samples >= 3 ? PHOTOMETRIC.rgb : PHOTOMETRIC.cmyk)
  for (const place of page.places.extraSamples) set(place, 0)
  const options = {
    failOn,
    ignoreIcc: true,
    limitInputPixels: MAX_IMAGE_PIXELS,
    limitInputChannels: page.samples,
  }
  const { space, depth } = await sharp(stored, options).metadata()
  const { data, info } = await sharp(stored, options)
    .toColourspace(space)
    .raw({ depth })
    .toBuffer({ resolveWithObject: true })
  const length = page.width * page.height * page.samples
  if (info.channels !== page.samples) throw new Error(`${info.channels} of ${page.samples} samples`)
  switch (depth) {
    case 'uchar':
      return new Uint8Array(data.buffer, data.byteOffset, length)
    case 'ushort':
      return new Uint16Array(data.buffer, data.byteOffset, length)
    case 'uint':
      return new Uint32Array(data.buffer, data.byteOffset, length)
    case 'float':
      return new Float32Array(data.buffer, data.byteOffset, length)
    default:
      throw new Error(`samples of the kind ${depth}`)
  }
}

/** Fills pixels with the colours and the alpha of the samples, scaled to the range of its own numbers. */
function convert(samples: Samples, page: TiffPage, pixels: Uint8Array | Uint16Array): void {
  const white = pixels instanceof Uint16Array ? 0xffff : 0xff
  const level = samples instanceof Float32Array ? fromUnit(white) : fromBits(samples, pixels)
  const { samples: stride, extraSamples, photometric } = page
  const colours = COLOURS[photometric]!
  const alpha = extraSamples.findIndex(isAlpha)
  const multiplied = extraSamples[alpha] === 1
  const toRgb = photometric === PHOTOMETRIC.ycbcr ? rgbOf(page) : null
  let to = 0
  for (let at = 0; at < samples.length; at += stride) {
    for (let colour = 0; colour < colours; colour++) pixels[to + colour] = level(samples[at + colour]!)
    toRgb?.(pixels, to)
    if (alpha >= 0) {
      const opacity = level(samples[at + colours + alpha]!)
      if (multiplied && opacity > 0) {
        for (let colour = to; colour < to + colours; colour++)
          pixels[colour] = Math.min(white, Math.round((pixels[colour]! * white) / opacity))
      }
      pixels[to + colours] = opacity
    }
    to += colours + (alpha >= 0 ? 1 : 0)
  }
}

function fromBits(samples: Samples, pixels: Uint8Array | Uint16Array): (sample: number) => number {
  const shift = 8 * (samples.BYTES_PER_ELEMENT - pixels.BYTES_PER_ELEMENT)
  return (sample) => sample >>> shift
}

function fromUnit(white: number): (sample: number) => number {
  return (sample) => {
    if (!(sample >= -RINGING && sample <= 1 + RINGING))
      throw unsupportedTiff(`floating-point samples beyond 0 to 1, such as ${sample}`)
    return Math.round(Math.min(1, Math.max(0, sample)) * white)
  }
}

/** Y'CbCr of 8 bits to RGB, in place, by the range and the coefficients that the file tells (TIFF 6.0, sections 20 and 21). */
function rgbOf({ luma, reference }: TiffPage): (pixels: Uint8Array | Uint16Array, at: number) => void {
  const [red, green, blue] = luma as [number, number, number]
  const full = (code: number, channel: number, range: number) => {
    const [black, white] = [reference[2 * channel]!, reference[2 * channel + 1]!]
    return ((code - black) * range) / (white - black)
  }
  if (![...luma, full(0, 0, 255), full(0, 1, 127), full(0, 2, 127)].every(Number.isFinite) || green === 0)
    throw unsupportedTiff("Y'CbCr of an undefined range")
  return (pixels, at) => {
    const y = full(pixels[at]!, 0, 255)
    const r = y + (2 - 2 * red) * full(pixels[at + 2]!, 2, 127)
    const b = y + (2 - 2 * blue) * full(pixels[at + 1]!, 1, 127)
    const g = (y - red * r - blue * b) / green
    for (const [index, value] of [r, g, b].entries())
      pixels[at + index] = Math.min(255, Math.max(0, Math.round(value)))
  }
}
