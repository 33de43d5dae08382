import { UnsupportedImageError } from './errors.ts'
import { endsEarly, type ImageFormat } from './format.ts'
import { readJpegStructure, unsupportedJpeg } from './jpeg.ts'

import { checkImageSize } from './limits.ts'

/**
 * Why a picture that libvips does not read is refused. The file's own structure decides: libvips' messages, of
 * which `detail` is one, tell it in many words, and those of pictures decoded at the same time get mixed up.
 */
export function refusal(format: ImageFormat, bytes: Uint8Array, detail: string): UnsupportedImageError {
  if (endsEarly(format, bytes)) {
    return new UnsupportedImageError(
      'TRUNCATED',
      `The ${format} is cut short: its end is missing after ${bytes.length} bytes. Send the whole file.`,
    )
  }
  const claimed = claimedSize(format, bytes)
  if (claimed !== null) checkImageSize(claimed.width, claimed.height)
  const feature = unsupported(format, bytes, detail)
  if (feature !== null) {
    return new UnsupportedImageError(
      'UNSUPPORTED_FORMAT',
      `The ${format} has ${feature}, which is not read. Save it anew with the usual settings.`,
    )
  }
  return new UnsupportedImageError(
    'DAMAGED',
    `The ${format} is damaged: not all of its pixels can be read. Send a whole file.`,
  )
}

/** The size that a header claims where libvips refuses large ones by itself; null for others. */
function claimedSize(format: ImageFormat, bytes: Uint8Array): { width: number; height: number } | null {
  if (format === 'JPEG') return readJpegStructure(bytes)
  if (format !== 'PNG') return null
  const header = Buffer.from(bytes.subarray(12, 24))
  if (header.length < 12 || header.toString('latin1', 0, 4) !== 'IHDR') return null
  return { width: header.readUInt32BE(4), height: header.readUInt32BE(8) }
}

function unsupported(format: ImageFormat, bytes: Uint8Array, detail: string): string | null {
  if (format === 'JPEG') return unsupportedJpeg(readJpegStructure(bytes))
  // The first chunk of Apple's variant, whose pixels are in another order and whose stream lacks its frame.
  if (format === 'PNG' && Buffer.from(bytes.subarray(12, 16)).toString('latin1') === 'CgBI')
    return "Apple's CgBI extension"
  // The decoder of AV1 calls a stream that is none "not supported"; to libheif it is invalid.
  if (/invalid input/i.test(detail)) return null
  return /unsupported|not supported|not configured/i.test(detail) ? 'a feature' : null
}
