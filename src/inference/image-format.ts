import { UnsupportedImageError } from './errors.ts'
import { MAX_IMAGE_BYTES } from './image-limits.ts'

export type ImageFormat = 'JPEG' | 'PNG' | 'WebP' | 'GIF' | 'AVIF' | 'TIFF'

const SENDABLE = 'Send a JPEG, PNG, WebP, GIF, AVIF or TIFF.'

/**
 * Tells a picture's format from its first bytes; names and mime types are what a sender claims.
 * Throws an UnsupportedImageError for everything that is not one of the formats above, so that
 * libvips only ever sees those six: its SVG renderer, for one, is never reached.
 */
export function sniffImageFormat(bytes: Uint8Array): ImageFormat {
  if (bytes.length === 0)
    throw new UnsupportedImageError('EMPTY', `The picture is empty: 0 bytes. ${SENDABLE}`)
  checkImageBytes(bytes.length)
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEAD)).toString('latin1')
  const format = supported(head)
  if (format !== null) return format
  const other = unsupported(head)
  if (other !== null) {
    throw new UnsupportedImageError(
      'UNSUPPORTED_FORMAT',
      `The picture is ${other}, which is not read. ${SENDABLE}`,
    )
  }
  throw new UnsupportedImageError('NOT_AN_IMAGE', `The content is not a picture. ${SENDABLE}`)
}

/** An SVG may open with a declaration, a comment and a document type before its <svg>. */
const HEAD = 4096

function supported(head: string): ImageFormat | null {
  if (head.startsWith('\xff\xd8\xff')) return 'JPEG'
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'PNG'
  if (/^GIF8[79]a/.test(head)) return 'GIF'
  if (/^RIFF.{4}WEBP/s.test(head)) return 'WebP'
  // The last two are BigTIFF.
  if (['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(head.slice(0, 4))) return 'TIFF'
  if (brands(head).some((brand) => brand === 'avif' || brand === 'avis')) return 'AVIF'
  return null
}

function unsupported(head: string): string | null {
  if (brands(head).some((brand) => /^(hei[cxms]|hev[cx]|mif1|msf1)$/.test(brand))) return 'HEIC'
  if (head.startsWith('\xff\x0a') || head.startsWith('\0\0\0\x0cJXL ')) return 'JPEG XL'
  if (head.startsWith('\0\0\0\x0cjP  ')) return 'JPEG 2000'
  if (/^BM.{4}\0\0\0\0/s.test(head)) return 'a BMP'
  if (head.startsWith('\0\0\x01\0')) return 'an icon (ICO)'
  if (head.startsWith('8BPS')) return 'a Photoshop document'
  if (head.startsWith('%PDF-')) return 'a PDF'
  if (head.startsWith('%!PS')) return 'a PostScript document'
  if (/^(\xef\xbb\xbf)?\s*</.test(head) && /<svg[\s>]/i.test(head) && !/<html/i.test(head))
    return 'an SVG drawing'
  return null
}

/** The brands of an ISO base media file, the major one first; the ftyp box is its first. */
function brands(head: string): string[] {
  if (head.slice(4, 8) !== 'ftyp') return []
  const size = Buffer.from(head.slice(0, 4), 'latin1').readUInt32BE()
  const list = head.slice(8, Math.min(size, HEAD)).match(/.{4}/gs) ?? []
  // The second field is a version number.
  return list.filter((_, index) => index !== 1)
}

/** Whether the file ends before its own structure says so; false where the structure doesn't tell. */
export function endsEarly(format: ImageFormat, bytes: Uint8Array): boolean {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (format === 'PNG') return !hasImageEnd(view)
  if (format === 'WebP') return view.length < 12 || view.readUInt32LE(4) + 8 > view.length
  if (format === 'TIFF') {
    if (view.length < 8) return true
    // BigTIFF (version 43) has the offset of its directory in 8 bytes; there the decoder's word is taken.
    const littleEndian = view[0] === 0x49
    const version = littleEndian ? view.readUInt16LE(2) : view.readUInt16BE(2)
    const directory = littleEndian ? view.readUInt32LE(4) : view.readUInt32BE(4)
    return version === 42 && directory >= view.length
  }
  return false
}

/** Walks a PNG's chunks: length, type, data, checksum; IEND is the last. */
function hasImageEnd(png: Buffer): boolean {
  let at = 8
  while (at + 12 <= png.length) {
    if (png.toString('latin1', at + 4, at + 8) === 'IEND') return true
    at += 12 + png.readUInt32BE(at)
  }
  return false
}

/** @throws UnsupportedImageError when a picture has too many bytes to be looked at */
export function checkImageBytes(bytes: number): void {
  if (bytes <= MAX_IMAGE_BYTES) return
  throw new UnsupportedImageError(
    'TOO_MANY_BYTES',
    `The picture has ${bytes} bytes; at most ${MAX_IMAGE_BYTES} are taken.`,
  )
}
