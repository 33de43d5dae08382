import sharp, { type Metadata, type Sharp, type SharpOptions } from 'sharp'
import { PHOTOMETRIC } from './tiff.ts'
import { writeTiff } from './tiff-writer.ts'

/** Whether a picture has 16 bits a sample and a profile: sharp brings those to Display P3, or leaves them as they are. */
export function isDeep({ depth, icc, space }: Metadata): boolean {
  return depth === 'ushort' && icc !== undefined && (space === 'rgb16' || space === 'grey16')
}

/**
 * Brings a picture of 16 bits a sample to sRGB of 16 bits by its profile, upright.
 * open: the picture with options for its input
 */
export async function toDeepSrgb(
  open: (options: SharpOptions) => Sharp,
  { icc, space }: Metadata,
): Promise<Sharp> {
  if (!(await matters(icc!, space === 'grey16'))) return open({ ignoreIcc: true })
  // The conversion on the way in is left out; the one on the way out goes from the profile straight to sRGB.
  const { data, info } = await open({ ignoreIcc: true })
    .autoOrient()
    .toColourspace(space)
    .withIccProfile('srgb')
    .raw({ depth: 'ushort' })
    .toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  const samples = new Uint16Array(data.buffer, data.byteOffset, width * height * channels)
  return sharp(samples, { raw: { width, height, channels } })
}

/** An RGB picture of 8 or 16 bits as a TIFF with a profile. */
export async function withProfile(picture: Sharp, metadata: Metadata, icc: Buffer): Promise<Buffer> {
  const { space, depth, width, height, hasAlpha, channels } = metadata
  if (channels < 3 || (depth !== 'uchar' && depth !== 'ushort'))
    throw new Error(`${channels} channels of ${depth}`)
  const { data } = await picture.toColourspace(space).raw({ depth }).toBuffer({ resolveWithObject: true })
  const { file, pixels } = writeTiff({
    width,
    height,
    photometric: PHOTOMETRIC.rgb,
    bits: depth === 'ushort' ? 16 : 8,
    colours: 3,
    alpha: hasAlpha,
    orientation: 1,
    icc,
  })
  data.copy(file, file.length - pixels.byteLength)
  return file
}

/**
 * Whether a profile changes colours at all: sRGB's own does not, and neither does one that cannot be used (damaged,
 * or made for pictures of other channels), in place of which sRGB is assumed. On the way out, libvips would assume P3.
 */
async function matters(icc: Uint8Array, grey: boolean): Promise<boolean> {
  const colours = grey ? 1 : 3
  const side = 16
  const { file, pixels } = writeTiff({
    width: side,
    height: side,
    photometric: grey ? PHOTOMETRIC.blackIsZero : PHOTOMETRIC.rgb,
    bits: 8,
    colours,
    alpha: false,
    orientation: 1,
    icc,
  })
  // Every grey, or 256 colours from everywhere in the cube.
  for (let at = 0; at < side * side; at++) {
    if (grey) pixels[at] = at
    else pixels.set([at, Math.imul(at, 37) & 0xff, Math.imul(at, 101) & 0xff], at * 3)
  }
  const seen = await sharp(file).toColourspace('srgb').raw().toBuffer()
  return seen.some((value, index) => value !== pixels[grey ? Math.floor(index / 3) : index])
}
