/** What the markers of a JPEG say (ITU-T T.81, annex B). */
export interface JpegStructure {
  /** The kind of coding: the low half of the SOF marker; null where there is none. */
  coding: number | null
  /** Bits of a sample. */
  precision: number
  width: number
  height: number
  components: number
  /** Whether its end marker is there. */
  ended: boolean
  /** Whether scans begin for every bit of every coefficient: a progressive picture sharpens from scan to scan. */
  allScans: boolean
}

const EOI = 0xd9
const SOS = 0xda
const APP1 = 0xe1

/** Whether the end marker is where nearly every JPEG has it, at the very end; others have something behind it, or none. */
export function endsWithMarker(jpeg: Uint8Array): boolean {
  return jpeg.at(-2) === 0xff && jpeg.at(-1) === EOI
}

/**
 * By the segments before the first scan, of a JPEG that has no EXIF there, and so no orientation to be turned by; null for
 * any other, and where anything else than segments lies between them.
 */
export function plainJpegSize(bytes: Uint8Array): { width: number; height: number } | null {
  const jpeg = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let size: { width: number; height: number } | null = null
  for (let at = 2; at + 4 <= jpeg.length; at += 2 + jpeg.readUInt16BE(at + 2)) {
    const code = jpeg[at + 1]!
    if (jpeg[at] !== 0xff || code < 0xc0 || standsAlone(code) || code === EOI) return null
    if (code === SOS) return size
    if (code === APP1 && jpeg.toString('latin1', at + 4, at + 8) === 'Exif') return null
    if (isFrame(code)) {
      if (size !== null || at + 9 > jpeg.length) return null
      const [height, width] = [jpeg.readUInt16BE(at + 5), jpeg.readUInt16BE(at + 7)]
      if (width === 0 || height === 0) return null
      size = { width, height }
    }
  }
  return null
}

/** Walks the markers from the first to the end marker, over whatever lies between them. */
export function readJpegStructure(bytes: Uint8Array): JpegStructure {
  const jpeg = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const structure: JpegStructure = {
    coding: null,
    precision: 0,
    width: 0,
    height: 0,
    components: 0,
    ended: false,
    allScans: false,
  }
  const scans = new Scans()
  let at = 2
  for (;;) {
    const marker = nextMarker(jpeg, at)
    if (marker === null) break
    const code = jpeg[marker + 1]!
    if (code === EOI) {
      structure.ended = true
      break
    }
    at = marker + 2
    if (standsAlone(code)) continue
    if (at + 2 > jpeg.length) break
    const segment = jpeg.subarray(at, at + jpeg.readUInt16BE(at))
    at += jpeg.readUInt16BE(at)
    if (isFrame(code) && segment.length >= 8) {
      structure.coding = code & 0xf
      structure.precision = segment[2]!
      structure.height = segment.readUInt16BE(3)
      structure.width = segment.readUInt16BE(5)
      structure.components = segment[7]!
      scans.frame(segment, (code & 3) === 2)
    } else if (code === SOS) scans.begin(segment)
  }
  structure.allScans = scans.complete()
  return structure
}

/** Why a JPEG whose structure is whole is not read; null where it should be. */
export function unsupportedJpeg(jpeg: JpegStructure): string | null {
  const { coding, precision, components, height } = jpeg
  if (coding === null) return null
  if (coding === 3 || coding === 11) return 'lossless coding'
  if (coding > 11 || [5, 6, 7].includes(coding)) return 'hierarchical coding'
  if (precision !== 8) return `${precision}-bit samples`
  if (![1, 3, 4].includes(components)) return `${components} colour components`
  return height === 0 ? 'its height at its end (DNL)' : null
}

/** The next marker at or after a place: 0xff and a code that is neither a stuffed byte nor fill. */
function nextMarker(jpeg: Buffer, from: number): number | null {
  for (let at = from; at + 1 < jpeg.length; at++) {
    const code = jpeg[at + 1]!
    if (jpeg[at] === 0xff && code !== 0 && code !== 0xff) return at
  }
  return null
}

/** Markers without a length: TEM, restarts and the start of an image. */
function standsAlone(code: number): boolean {
  return code === 1 || (code >= 0xd0 && code <= 0xd8)
}

/** SOF0 to SOF15 without the tables and the extension among them. */
function isFrame(code: number): boolean {
  return code >= 0xc0 && code <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(code)
}

/** Which bits of which coefficients the scans hold, by component. */
class Scans {
  #progressive = false
  /** The coefficients whose lowest bit no scan has; of a sequential picture the first stands for all. */
  readonly #missing = new Map<number, Set<number>>()

  frame(segment: Buffer, progressive: boolean): void {
    this.#progressive = progressive
    this.#missing.clear()
    for (let at = 8; at + 3 <= segment.length; at += 3)
      this.#missing.set(segment[at]!, new Set(Array.from({ length: progressive ? 64 : 1 }, (_, k) => k)))
  }

  begin(segment: Buffer): void {
    const components = segment[2] ?? 0
    const tail = 3 + 2 * components
    if (tail + 3 > segment.length) return
    const [first, last, lowestBit] = this.#progressive
      ? [segment[tail]!, segment[tail + 1]!, segment[tail + 2]! & 0xf]
      : [0, 0, 0]
    if (lowestBit > 0) return
    for (let index = 0; index < components; index++) {
      const missing = this.#missing.get(segment[3 + 2 * index]!)
      for (let k = first; k <= last; k++) missing?.delete(k)
    }
  }

  complete(): boolean {
    return this.#missing.size > 0 && [...this.#missing.values()].every((missing) => missing.size === 0)
  }
}
