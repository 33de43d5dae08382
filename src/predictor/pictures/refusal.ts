import { UnsupportedImageError } from '../errors.ts'
import { endsEarly, type ImageFormat } from './format.ts'
import { readJpegStructure, unsupportedJpeg } from './jpeg.ts'

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

function unsupported(format: ImageFormat, bytes: Uint8Array, detail: string): string | null {
  if (format === 'JPEG') return unsupportedJpeg(readJpegStructure(bytes))
  // The first chunk of Apple's variant, whose pixels are in another order and whose stream lacks its frame.
  if (format === 'PNG' && Buffer.from(bytes.subarray(12, 16)).toString('latin1') === 'CgBI')
    return "Apple's CgBI extension"
  return /unsupported|not supported|not configured/i.test(detail) ? 'a feature' : null
}
