import { UnsupportedImageError } from './errors.ts'

/** The largest file that is taken: a 50-megapixel photograph as JPEG has 10 to 15 MiB. */
export const MAX_IMAGE_BYTES = 20 * 1024 * 1024

/** Pictures of one batch: of one call of predictMany. */
export const MAX_BATCH_PICTURES = 256

/**
 * The most pixels a picture may have. 64 megapixels let the 50-megapixel pictures of telephones in.
 * A picture of this size costs 80 MB (baseline JPEG) to 1.2 GB (a TIFF of floating-point numbers) while it is decoded.
 */
export const MAX_IMAGE_PIXELS = 64_000_000

/** The longest side, which is JPEG's own limit; it bounds what a picture one pixel wide can become. */
export const MAX_IMAGE_SIDE = 65_535

/** @throws UnsupportedImageError when a picture has too many pixels to be decoded */
export function checkImageSize(width: number, height: number): void {
  if (width * height <= MAX_IMAGE_PIXELS && Math.max(width, height) <= MAX_IMAGE_SIDE) return
  throw new UnsupportedImageError(
    'TOO_MANY_PIXELS',
    `The picture has ${width} x ${height} pixels; at most ${MAX_IMAGE_PIXELS / 1e6} million are taken, ` +
      `and ${MAX_IMAGE_SIDE} on a side.`,
  )
}
