import { UnsupportedImageError } from './errors.ts'
import { checkImageSize } from './limits.ts'

/** What a TIFF says of its first page, as far as reading it depends on it. Names and numbers are TIFF 6.0's. */
export interface TiffPage {
  width: number
  height: number
  photometric: number
  compression: number
  /** Of each sample; all have the same. */
  bits: number
  sampleFormat: number
  /** Colours and whatever comes after them. */
  samples: number
  /** The meaning of each sample after the colours: 1 is alpha the colours are multiplied by, 2 alpha they are not. */
  extraSamples: number[]
  orientation: number
  tiled: boolean
  littleEndian: boolean
  /** Where the file holds values that a reader may have to be told differently; each a 16-bit number. */
  places: { photometric: number; orientation: number | null; extraSamples: number[] }
  /** Whether each pixel has colours of its own: false for YCbCr that shares them among neighbours. */
  fullColour: boolean
  /** Of YCbCr: how much of red, green and blue makes its luminance, and the codes of black and white of each sample. */
  luma: number[]
  reference: number[]
  /** Where the offset of the next page stands, and how many bytes it has. */
  next: { at: number; bytes: 4 | 8 }
}

export const PHOTOMETRIC = {
  whiteIsZero: 0,
  blackIsZero: 1,
  rgb: 2,
  palette: 3,
  cmyk: 5,
  ycbcr: 6,
  lab: 8,
} as const

export const COMPRESSION = { none: 1, jpeg: 7 } as const

export const SAMPLE_FORMAT = { unsigned: 1, signed: 2, float: 3 } as const

/** How many samples of a pixel are its colour. */
export const COLOURS: Record<number, number> = {
  [PHOTOMETRIC.whiteIsZero]: 1,
  [PHOTOMETRIC.blackIsZero]: 1,
  [PHOTOMETRIC.rgb]: 3,
  [PHOTOMETRIC.palette]: 1,
  [PHOTOMETRIC.cmyk]: 4,
  [PHOTOMETRIC.ycbcr]: 3,
  [PHOTOMETRIC.lab]: 3,
}

const READ =
  'Send it as grey, RGB, CMYK or a palette with 8 or 16 bits a sample, as 32-bit integers, or as floating-point ' +
  'numbers from 0 to 1, compressed by LZW, Deflate, PackBits, JPEG, WebP or not at all.'

/** @returns the error that says which part of a whole TIFF is not read, and what would be */
export function unsupportedTiff(what: string): UnsupportedImageError {
  return new UnsupportedImageError('UNSUPPORTED_FORMAT', `The TIFF has ${what}, which is not read. ${READ}`)
}

function damaged(what: string): UnsupportedImageError {
  return new UnsupportedImageError('DAMAGED', `The TIFF is damaged: ${what}. Send a whole file.`)
}

function truncated(size: number): UnsupportedImageError {
  return new UnsupportedImageError(
    'TRUNCATED',
    `The TIFF is cut short: its end is missing after ${size} bytes. Send the whole file.`,
  )
}

const TAG = {
  subfileType: 254,
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  stripOffsets: 273,
  orientation: 274,
  samples: 277,
  rowsPerStrip: 278,
  stripByteCounts: 279,
  planes: 284,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileByteCounts: 325,
  subDirectories: 330,
  inkSet: 332,
  extraSamples: 338,
  sampleFormat: 339,
  colourMap: 320,
  ycbcrCoefficients: 529,
  ycbcrSubsampling: 530,
  referenceBlackWhite: 532,
  dngVersion: 50706,
} as const

/** Bytes of a value by its type. */
const TYPE_BYTES: Record<number, number> = { 1: 1, 3: 2, 4: 4, 5: 8, 13: 4, 16: 8, 18: 8 }
const RATIONAL = 5

/** More than any picture has; what a directory of nonsense may ask for stays small. */
export const MAX_SAMPLES = 64

const COMPRESSIONS = new Set([COMPRESSION.none, 2, 3, 4, 5, COMPRESSION.jpeg, 8, 32773, 32946, 50001])

const COMPRESSION_NAMES: Record<number, string> = {
  6: 'old-style JPEG compression',
  34661: 'JBIG compression',
  34712: 'JPEG 2000 compression',
  34892: 'lossy DNG compression',
  34925: 'LZMA compression',
  50000: 'Zstandard compression',
  50002: 'JPEG XL compression',
}

const PHOTOMETRIC_NAMES: Record<number, string> = {
  4: 'a transparency mask for its only content',
  9: 'colours in ICCLAB',
  10: 'colours in ITULAB',
  32803: 'the raw data of a camera',
  32844: 'colours in LogL',
  32845: 'colours in LogLuv',
  34892: 'the raw data of a camera',
}

/**
 * Reads the directory of a TIFF's first page (classic or BigTIFF, either byte order) and looks at whether the file
 * holds each strip or tile that it names.
 * @throws UnsupportedImageError: TRUNCATED or DAMAGED where something is missing, UNSUPPORTED_FORMAT for a whole file
 * of a kind that is not read, TOO_MANY_PIXELS
 */
export function readTiffPage(bytes: Uint8Array): TiffPage {
  const directory = new Directory(bytes)
  const page = describe(directory)
  checkImageSize(page.width, page.height)
  checkKind(page, directory)
  checkBlocks(page, directory)
  return page
}

/**
 * The file without its further pages, which may be missing or damaged where the first one is whole, and with an
 * orientation that libtiff knows.
 */
export function firstTiffPage(bytes: Uint8Array, { next, places, orientation }: TiffPage): Uint8Array {
  const end = next.at + next.bytes
  const first = Buffer.from(bytes).fill(0, next.at, end)
  const at = places.orientation
  if (at !== null)
    bytes[0] === 0x49 ? first.writeUInt16LE(orientation, at) : first.writeUInt16BE(orientation, at)
  return first
}

/** Some programs write 0 for an orientation that they do not know. */
function upright(orientation: number): number {
  return orientation >= 1 && orientation <= 8 ? orientation : 1
}

function describe(directory: Directory): TiffPage {
  const samples = directory.one(TAG.samples, 1)
  if (samples === 0 || samples > MAX_SAMPLES) throw unsupportedTiff(`${samples} samples a pixel`)
  const photometric = directory.one(TAG.photometric)
  const colours = COLOURS[photometric] ?? samples
  const extra = directory.list(TAG.extraSamples, samples) ?? []
  const count = Math.max(0, samples - colours)
  return {
    width: directory.one(TAG.width),
    height: directory.one(TAG.height),
    photometric,
    compression: directory.one(TAG.compression, COMPRESSION.none),
    bits: directory.same(TAG.bits, samples, 1),
    sampleFormat: directory.same(TAG.sampleFormat, samples, SAMPLE_FORMAT.unsigned),
    samples,
    // What the file says nothing of is unspecified.
    extraSamples: Array.from({ length: count }, (_, index) => extra[index] ?? 0),
    orientation: upright(directory.one(TAG.orientation, 1)),
    tiled: directory.has(TAG.tileWidth),
    littleEndian: directory.littleEndian,
    places: {
      photometric: directory.place(TAG.photometric),
      orientation: directory.has(TAG.orientation) ? directory.place(TAG.orientation) : null,
      extraSamples: extra.map((_value, index) => directory.place(TAG.extraSamples, index)),
    },
    fullColour:
      photometric !== PHOTOMETRIC.ycbcr ||
      (directory.list(TAG.ycbcrSubsampling, 2) ?? [2, 2]).every((factor) => factor === 1),
    luma: directory.list(TAG.ycbcrCoefficients, 3) ?? [0.299, 0.587, 0.114],
    reference: directory.list(TAG.referenceBlackWhite, 6) ?? [0, 255, 128, 255, 128, 255],
    next: directory.next,
  }
}

/** Whole files of a kind that is not read. */
function checkKind(page: TiffPage, directory: Directory): void {
  const { photometric, compression, bits, sampleFormat, samples, extraSamples } = page
  const thumbnail = (directory.one(TAG.subfileType, 0) & 1) === 1 && directory.has(TAG.subDirectories)
  if (thumbnail || directory.has(TAG.dngVersion)) throw unsupportedTiff('the raw data of a camera')
  const colours = COLOURS[photometric]
  if (colours === undefined) {
    throw unsupportedTiff(PHOTOMETRIC_NAMES[photometric] ?? `the photometric interpretation ${photometric}`)
  }
  if (!COMPRESSIONS.has(compression))
    throw unsupportedTiff(COMPRESSION_NAMES[compression] ?? `the compression ${compression}`)
  if (samples < colours) throw damaged(`${samples} samples a pixel are fewer than its colours`)
  const inks = directory.one(TAG.inkSet, 1)
  if (photometric === PHOTOMETRIC.cmyk && inks !== 1) throw unsupportedTiff('inks other than CMYK')
  if (!isReadDepth(page)) {
    const spaces: Record<number, string> = {
      [PHOTOMETRIC.lab]: 'CIELAB in ',
      [PHOTOMETRIC.palette]: 'a palette and ',
      [PHOTOMETRIC.ycbcr]: 'YCbCr in ',
    }
    throw unsupportedTiff((spaces[photometric] ?? '') + depthName(bits, sampleFormat))
  }
  if (photometric === PHOTOMETRIC.palette) {
    if (extraSamples.length > 0) throw unsupportedTiff('a palette and further channels')
    if (directory.count(TAG.colourMap) < 3 * 2 ** bits) throw damaged('its palette lacks colours')
  }
  if (directory.one(TAG.planes, 1) === 2 && samples > 1) {
    if (page.tiled) throw unsupportedTiff('tiles of separate planes')
    // libvips mixes their rows up.
    if (sampleFormat === SAMPLE_FORMAT.float && bits === 16)
      throw unsupportedTiff('16-bit floating-point samples in separate planes')
  }
}

function isReadDepth({ photometric, bits, sampleFormat, samples }: TiffPage): boolean {
  const { unsigned, float } = SAMPLE_FORMAT
  if (photometric === PHOTOMETRIC.lab) return sampleFormat === unsigned && bits === 16 && samples === 3
  if (photometric === PHOTOMETRIC.ycbcr) return sampleFormat === unsigned && bits === 8 && samples === 3
  if (photometric === PHOTOMETRIC.palette) return sampleFormat === unsigned && [1, 2, 4, 8].includes(bits)
  if (sampleFormat === float) return bits === 16 || bits === 32
  if (sampleFormat !== unsigned) return false
  return [8, 16, 32].includes(bits) || (samples === 1 && [1, 2, 4].includes(bits))
}

function depthName(bits: number, sampleFormat: number): string {
  const names: Record<number, string> = {
    [SAMPLE_FORMAT.unsigned]: `${bits}-bit samples`,
    [SAMPLE_FORMAT.signed]: `signed ${bits}-bit samples`,
    [SAMPLE_FORMAT.float]: `${bits}-bit floating-point samples`,
    4: `${bits}-bit samples of an undefined kind`,
    5: `complex integers for samples`,
    6: `complex numbers for samples`,
  }
  return names[sampleFormat] ?? `samples of the unknown format ${sampleFormat}`
}

/** Looks at whether the file holds each strip or tile of the page. */
function checkBlocks(page: TiffPage, directory: Directory): void {
  const { tiled } = page
  const [kind, offsetsTag, countsTag] = tiled
    ? (['tile', TAG.tileOffsets, TAG.tileByteCounts] as const)
    : (['strip', TAG.stripOffsets, TAG.stripByteCounts] as const)
  const planes = directory.one(TAG.planes, 1) === 2 ? page.samples : 1
  const width = tiled ? directory.one(TAG.tileWidth) : page.width
  const rows = tiled
    ? directory.one(TAG.tileHeight)
    : Math.min(page.height, directory.one(TAG.rowsPerStrip, page.height))
  if (width === 0 || rows === 0) throw damaged(`its ${kind}s have no size`)
  if (tiled && (width % 16 !== 0 || rows % 16 !== 0))
    throw unsupportedTiff(`tiles of ${width} x ${rows} pixels`)
  const down = Math.ceil(page.height / rows)
  const needed = Math.ceil(page.width / width) * down * planes
  const offsets = directory.list(offsetsTag, needed) ?? []
  const counts = directory.list(countsTag, needed)
  // Subsampled colours have fewer bytes than pixels; compressed ones have any number.
  const plain = page.compression === COMPRESSION.none && page.fullColour
  if (offsets.length < needed || (counts === null ? !plain : counts.length < needed))
    throw damaged(`it does not say where each of its ${needed} ${kind}s is`)
  const rowBytes = Math.ceil((width * page.bits * (page.samples / planes)) / 8)
  for (let index = 0; index < needed; index++) {
    const offset = offsets[index]!
    const left = page.height - (index % down) * rows
    const full = rowBytes * (tiled ? rows : Math.min(rows, left))
    const count = counts?.[index] ?? full
    if (offset === 0 && count === 0) throw unsupportedTiff(`${kind}s left out (a sparse file)`)
    if (offset + (plain ? Math.min(count, full) : count) > directory.size) throw truncated(directory.size)
    if (count === 0 || (plain && count < full))
      throw damaged(
        `its ${kind} ${index + 1} of ${needed} has ${count} bytes${plain ? ` in place of ${full}` : ''}`,
      )
  }
}

/** The first directory of a TIFF: its entries by tag. Nothing is read that the file does not hold. */
class Directory {
  readonly littleEndian: boolean
  readonly size: number
  readonly next: TiffPage['next']
  readonly #view: DataView
  readonly #big: boolean
  readonly #entries = new Map<number, { type: number; count: number; at: number }>()

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.size = bytes.byteLength
    this.littleEndian = bytes[0] === 0x49
    this.#big = bytes[this.littleEndian ? 2 : 3] === 43
    const [countBytes, entryBytes, offsetBytes] = this.#big ? ([8, 20, 8] as const) : ([2, 12, 4] as const)
    const start = this.#big ? this.#number(8, 8) : this.#number(4, 4)
    const count = this.#number(start, countBytes)
    const first = start + countBytes
    const end = first + count * entryBytes
    this.next = { at: end, bytes: offsetBytes }
    if (end + offsetBytes > this.size) throw truncated(this.size)
    for (let at = first; at < end; at += entryBytes) {
      const tag = this.#number(at, 2)
      // Of a tag that is there twice, the first counts, as it does for libtiff.
      if (this.#entries.has(tag)) continue
      this.#entries.set(tag, {
        type: this.#number(at + 2, 2),
        count: this.#number(at + 4, offsetBytes),
        at: at + 4 + offsetBytes,
      })
    }
  }

  has(tag: number): boolean {
    return this.#entries.has(tag)
  }

  /** How many values a tag has. */
  count(tag: number): number {
    return this.#entries.get(tag)?.count ?? 0
  }

  /** The first value of a tag; without a default it has to be there. */
  one(tag: number, missing?: number): number {
    const value = this.list(tag, 1)?.[0] ?? missing
    if (value === undefined) throw damaged(`its directory lacks the tag ${tag}`)
    return value
  }

  /** The value that a tag has for every sample. */
  same(tag: number, samples: number, missing: number): number {
    const [first = missing, ...rest] = this.list(tag, samples) ?? []
    if (rest.some((value) => value !== first)) throw unsupportedTiff('samples of different sizes')
    return first
  }

  /** The values of a tag, `most` of them at the most; null where there is none. */
  list(tag: number, most: number): number[] | null {
    const entry = this.#entries.get(tag)
    if (entry === undefined) return null
    const bytes = TYPE_BYTES[entry.type]
    if (bytes === undefined) throw damaged(`its tag ${tag} has the type ${entry.type}`)
    const length = Math.min(most, entry.count)
    const start = this.#start(entry)
    if (start + length * bytes > this.size) throw truncated(this.size)
    return Array.from({ length }, (_, index) => {
      const at = start + index * bytes
      return entry.type === RATIONAL ? this.#number(at, 4) / this.#number(at + 4, 4) : this.#number(at, bytes)
    })
  }

  /** Where the lower 16 bits of a tag's value stand in the file. */
  place(tag: number, index = 0): number {
    const entry = this.#entries.get(tag)
    if (entry === undefined) throw damaged(`its directory lacks the tag ${tag}`)
    const bytes = TYPE_BYTES[entry.type] ?? 1
    if (bytes === 1) throw damaged(`its tag ${tag} has the type ${entry.type}`)
    return this.#start(entry) + bytes * index + (this.littleEndian ? 0 : bytes - 2)
  }

  /** Values that fit stand in the entry itself, others where it points to. */
  #start({ type, count, at }: { type: number; count: number; at: number }): number {
    const room = this.#big ? 8 : 4
    return count * (TYPE_BYTES[type] ?? 1) <= room ? at : this.#number(at, room)
  }

  #number(at: number, bytes: number): number {
    if (at + bytes > this.size) throw truncated(this.size)
    switch (bytes) {
      case 1:
        return this.#view.getUint8(at)
      case 2:
        return this.#view.getUint16(at, this.littleEndian)
      case 4:
        return this.#view.getUint32(at, this.littleEndian)
      default:
        // Beyond 2^53 it is not exact, and beyond the end of any file.
        return Number(this.#view.getBigUint64(at, this.littleEndian))
    }
  }
}
