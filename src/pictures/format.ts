import { UnsupportedImageError } from './errors.ts'
import { readFirstGifFrame } from './gif.ts'
import { endsWithMarker, readJpegStructure } from './jpeg.ts'
import { MAX_IMAGE_BYTES } from './limits.ts'

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

/** A JPEG whose first segment is a frame of a kind of its own. */
const JPEG_LS = '\xff\xd8\xff\xf7'

function supported(head: string): ImageFormat | null {
  if (head.startsWith('\xff\xd8\xff') && !head.startsWith(JPEG_LS)) return 'JPEG'
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'PNG'
  if (/^GIF8[79]a/.test(head)) return 'GIF'
  if (/^RIFF.{4}WEBP/s.test(head)) return 'WebP'
  // The last two are BigTIFF.
  if (['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(head.slice(0, 4))) return 'TIFF'
  if (brands(head).some((brand) => brand === 'avif' || brand === 'avis')) return 'AVIF'
  return null
}

/** Formats that are not read, by their first bytes. */
const OTHERS: [what: string, ...signatures: string[]][] = [
  ['JPEG XL', '\xff\x0a', '\0\0\0\x0cJXL '],
  ['JPEG 2000', '\0\0\0\x0cjP  ', '\xff\x4f\xff\x51'],
  ['JPEG XR', 'II\xbc'],
  ['JPEG-LS', JPEG_LS],
  ['an icon (ICNS)', 'icns'],
  ['a Photoshop document', '8BPS', '8BPB'],
  ['a GIMP document', 'gimp xcf'],
  ['a PDF', '%PDF-'],
  ['a PostScript document', '%!PS', '\xc5\xd0\xd3\xc6'],
  ['OpenEXR', '\x76\x2f\x31\x01'],
  ['a Radiance HDR', '#?RADIANCE', '#?RGBE'],
  ['a QOI', 'qoif'],
  ['a DirectDraw surface', 'DDS '],
  ['FITS', 'SIMPLE  = '],
  ['DjVu', 'AT&TFORM'],
  ['an MNG or JNG', '\x8aMNG\r\n\x1a\n', '\x8bJNG\r\n\x1a\n'],
  [
    'the raw data of a camera',
    'FUJIFILMCCD-RAW',
    'IIRO',
    'IIRS',
    'IIU\0',
    'MMOR',
    'FOVb',
    'II\x1a\0\0\0HEAP',
  ],
]

function unsupported(head: string): string | null {
  const kinds = brands(head)
  if (kinds.some((brand) => /^(hei[cxms]|hev[cxms]|mif[123]|msf1)$/.test(brand))) return 'HEIC'
  if (kinds.includes('crx ')) return 'the raw data of a camera'
  const other = OTHERS.find(([, ...signatures]) => signatures.some((start) => head.startsWith(start)))
  if (other !== undefined) return other[0]
  if (isTga(head)) return 'a TGA'
  if (head.startsWith('\0\0\x01\0') || head.startsWith('\0\0\x02\0')) return 'an icon (ICO)'
  if (/^BM.{4}\0\0\0\0/s.test(head)) return 'a BMP'
  if (/^P[1-7]\s+[\d#W]/.test(head)) return 'a Netpbm picture'
  if (head.startsWith('DICM', 128)) return 'DICOM'
  if (/^(\xef\xbb\xbf)?\s*</.test(head) && /<svg[\s>]/i.test(head) && !/<html/i.test(head))
    return 'an SVG drawing'
  return null
}

/** A TGA has no signature, and may begin as an icon does, which has the number of its pictures where a TGA without a palette has zeros. */
function isTga(head: string): boolean {
  const [palette, kind, depth] = [1, 2, 7].map((at) => head.charCodeAt(at))
  if (palette === 1) return (kind === 1 || kind === 9) && [15, 16, 24, 32].includes(depth!)
  return palette === 0 && [2, 3, 10, 11].includes(kind!) && head.startsWith('\0'.repeat(5), 3)
}

/** The brands of an ISO base media file, the major one first; the ftyp box is its first. */
function brands(head: string): string[] {
  if (head.slice(4, 8) !== 'ftyp') return []
  const size = Buffer.from(head.slice(0, 4), 'latin1').readUInt32BE()
  const list = head.slice(8, Math.min(size, HEAD)).match(/.{4}/gs) ?? []
  // The second field is a version number.
  return list.filter((_, index) => index !== 1)
}

/** Whether the file ends before its own structure says so. */
export function endsEarly(format: ImageFormat, bytes: Uint8Array): boolean {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  switch (format) {
    case 'JPEG':
      return !endsWithMarker(bytes) && !readJpegStructure(bytes).ended
    case 'PNG':
      return !hasImageEnd(view)
    case 'WebP':
      return view.length < 12 || view.readUInt32LE(4) + 8 > view.length
    case 'GIF':
      return readFirstGifFrame(bytes) === null && view.at(-1) !== 0x3b
    case 'AVIF':
      return !hasAllBoxes(view)
    case 'TIFF':
      // Its own reader has looked at every part of it.
      return false
  }
}

/** Walks the boxes of an ISO base media file: length, type, content. The last may have the length 0: all the rest. */
function hasAllBoxes(file: Buffer): boolean {
  let at = 0
  while (at < file.length) {
    if (at + 8 > file.length) return false
    let length = file.readUInt32BE(at)
    if (length === 0) return true
    if (length === 1) {
      if (at + 16 > file.length) return false
      length = Number(file.readBigUInt64BE(at + 8))
    }
    at += Math.max(8, length)
  }
  return at === file.length
}

const IEND = 0x49454e44

/** Walks a PNG's chunks: length, type, data, checksum; IEND is the last. */
function hasImageEnd(png: Buffer): boolean {
  let at = 8
  while (at + 12 <= png.length) {
    if (png.readUInt32BE(at + 4) === IEND) return true
    at += 12 + png.readUInt32BE(at)
  }
  return false
}

/** By the header of a PNG of at most 8 bits a sample, of which nothing else has to be known; null for any other. */
export function plainPngSize(bytes: Uint8Array): { width: number; height: number } | null {
  const png = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (png.length < 33 || png.readUInt32BE(8) !== 13 || png.toString('latin1', 12, 16) !== 'IHDR') return null
  const [width, height, bits] = [png.readUInt32BE(16), png.readUInt32BE(20), png[24]!]
  return width > 0 && height > 0 && bits <= 8 ? { width, height } : null
}

/** @throws UnsupportedImageError when a picture has too many bytes to be looked at */
export function checkImageBytes(bytes: number): void {
  if (bytes <= MAX_IMAGE_BYTES) return
  throw new UnsupportedImageError(
    'TOO_MANY_BYTES',
    `The picture has ${bytes} bytes; at most ${MAX_IMAGE_BYTES} are taken.`,
  )
}
