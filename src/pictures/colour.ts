import { crc32, deflateSync } from 'node:zlib'
import { greyProfile, type Primaries, rgbProfile, type Transfer } from './icc-profile.ts'

/** Colours by code points of ITU-T H.273, as AVIF and PNG tell them. */
export interface CodePoints {
  primaries: number
  transfer: number
}

const D65: [number, number] = [0.3127, 0.329]

const SRGB: Primaries = { red: [0.64, 0.33], green: [0.3, 0.6], blue: [0.15, 0.06], white: D65 }

/** By code point (table 2), but for sRGB's, and those that are hardly others (television of 525 and 625 lines). */
const PRIMARIES: Record<number, Primaries> = {
  9: { red: [0.708, 0.292], green: [0.17, 0.797], blue: [0.131, 0.046], white: D65 },
  11: { red: [0.68, 0.32], green: [0.265, 0.69], blue: [0.15, 0.06], white: [0.314, 0.351] },
  12: { red: [0.68, 0.32], green: [0.265, 0.69], blue: [0.15, 0.06], white: D65 },
}

/** By code point (table 3), but for sRGB's, and television's, which are shown by sRGB's. */
const TRANSFERS: Record<number, Transfer> = {
  4: (value) => value ** 2.2,
  5: (value) => value ** 2.8,
  8: (value) => value,
  16: perceptualQuantizer,
  18: hybridLogGamma,
}

/** The brightness of white paper in a picture of high dynamic range, cd/m2 (ITU-R BT.2408); above it all is white here. */
const PAPER_LUMINANCE = 203

/** @returns the profile of colours that are not sRGB; null where they are, or are not known */
export function profileOf({ primaries, transfer }: CodePoints): Buffer | null {
  if (PRIMARIES[primaries] === undefined && TRANSFERS[transfer] === undefined) return null
  return rgbProfile(PRIMARIES[primaries] ?? SRGB, TRANSFERS[transfer] ?? fromSrgb)
}

/** IEC 61966-2-1. */
function fromSrgb(value: number): number {
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
}

/** SMPTE ST 2084. */
function perceptualQuantizer(value: number): number {
  const power = value ** (32 / 2523)
  const light = (Math.max(0, power - 107 / 128) / (2413 / 128 - (2392 / 128) * power)) ** (8192 / 1305)
  return (10_000 * light) / PAPER_LUMINANCE
}

/** ITU-R BT.2100 on a display of 1,000 cd/m2, whose gamma is 1.2. */
function hybridLogGamma(value: number): number {
  const [a, b, c] = [0.17883277, 0.28466892, 0.55991073]
  const scene = value <= 0.5 ? value ** 2 / 3 : (Math.exp((value - c) / a) + b) / 12
  return (1000 * scene ** 1.2) / PAPER_LUMINANCE
}

const PNG_SIGNATURE = 8

/** A type of four letters as a number: a file of nothing but empty parts has millions of them. */
function code(type: string): number {
  return Buffer.from(type, 'latin1').readUInt32BE()
}

const IDAT = code('IDAT')

const PNG_COLOURS = new Map(
  ['IHDR', 'cICP', 'iCCP', 'sRGB', 'gAMA', 'cHRM'].map((type) => [code(type), type] as const),
)

/**
 * A PNG whose colours are told by cICP, or by gAMA and cHRM, as one with a profile, which is all that libvips looks at.
 * Of several, the first in the order cICP, iCCP, sRGB, gAMA counts (PNG, third edition, 4.3).
 */
export function withPngProfile(bytes: Uint8Array): Uint8Array {
  const png = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const chunks = new Map<string, { at: number; data: Buffer }>()
  let at = PNG_SIGNATURE
  while (at + 12 <= png.length) {
    const length = png.readUInt32BE(at)
    const type = png.readUInt32BE(at + 4)
    if (type === IDAT) break
    const name = PNG_COLOURS.get(type)
    if (name !== undefined) chunks.set(name, { at, data: png.subarray(at + 8, at + 8 + length) })
    at += 12 + length
  }
  const header = chunks.get('IHDR')?.data
  if (header === undefined || header.length < 13) return bytes
  const coloured = (header[9]! & 2) !== 0
  const profile = pngProfile((type) => chunks.get(type)?.data, coloured)
  if (profile === null) return bytes
  const afterHeader = PNG_SIGNATURE + 12 + header.length
  const other = chunks.get('iCCP')
  const [start, end] =
    other === undefined ? [afterHeader, afterHeader] : [other.at, other.at + 12 + other.data.length]
  return Buffer.concat([png.subarray(0, start), profileChunk(profile), png.subarray(end)])
}

function pngProfile(chunk: (type: string) => Buffer | undefined, coloured: boolean): Buffer | null {
  const codes = chunk('cICP')
  if (codes !== undefined && codes.length >= 2) {
    const transfer = TRANSFERS[codes[1]!]
    if (coloured) return profileOf({ primaries: codes[0]!, transfer: codes[1]! })
    return transfer === undefined ? null : greyProfile(transfer)
  }
  const gamma = chunk('gAMA')
  if (chunk('iCCP') !== undefined || chunk('sRGB') !== undefined || gamma === undefined || gamma.length < 4)
    return null
  const exponent = 100_000 / gamma.readUInt32BE()
  const primaries = coloured ? chromaticities(chunk('cHRM')) : null
  // libpng, too, takes less than 5 % for nothing: most such chunks say 2.2, and mean sRGB.
  const usual = Math.abs(exponent / 2.2 - 1) < 0.05
  if (!Number.isFinite(exponent) || exponent > 10 || (usual && primaries === null)) return null
  const transfer: Transfer = usual ? fromSrgb : (value) => value ** exponent
  return coloured ? rgbProfile(primaries ?? SRGB, transfer) : greyProfile(transfer)
}

/** White, red, green and blue of a cHRM chunk; null where they are sRGB's, or none at all. */
function chromaticities(chunk: Buffer | undefined): Primaries | null {
  if (chunk === undefined || chunk.length < 32) return null
  const point = (index: number) =>
    [0, 4].map((offset) => chunk.readUInt32BE(8 * index + offset) / 100_000) as [number, number]
  const found: Primaries = { white: point(0), red: point(1), green: point(2), blue: point(3) }
  const pairs = Object.entries(found) as [keyof Primaries, [number, number]][]
  if (pairs.some(([, [x, y]]) => y <= 0 || x + y > 1)) return null
  const same = pairs.every(([name, values]) =>
    values.every((value, k) => Math.abs(value - SRGB[name][k]!) < 0.005),
  )
  return same ? null : found
}

function profileChunk(profile: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from('iCCPprofile\0\0', 'latin1'), deflateSync(profile, { level: 1 })])
  const frame = Buffer.alloc(8)
  frame.writeUInt32BE(typed.length - 4)
  frame.writeUInt32BE(crc32(typed), 4)
  return Buffer.concat([frame.subarray(0, 4), typed, frame.subarray(4)])
}

/** @returns the profile of an AVIF whose colours are told by code points and are not sRGB, else null */
export function avifProfile(bytes: Uint8Array): Buffer | null {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // The box of all that is told of the pictures has four bytes before its own boxes.
  const [meta] = contents(file, 'meta')
  const [properties] = meta === undefined ? [] : contents(meta.subarray(4), 'iprp')
  const [list] = properties === undefined ? [] : contents(properties, 'ipco')
  const colours = list === undefined ? [] : contents(list, 'colr')
  const codes = colours.find((colour) => colour.length >= 8 && colour.toString('latin1', 0, 4) === 'nclx')
  if (codes === undefined) return null
  return profileOf({ primaries: codes.readUInt16BE(4), transfer: codes.readUInt16BE(6) })
}

/** What the boxes of a type hold: each has its length, its type and its content (ISO/IEC 14496-12, 4.2). */
function contents(boxes: Buffer, type: string): Buffer[] {
  const found: Buffer[] = []
  const wanted = code(type)
  let at = 0
  while (at + 8 <= boxes.length) {
    const length = boxes.readUInt32BE(at)
    // 0 is the rest of the file, and 1 a length of 64 bits; neither is used before the pixels.
    if (length < 8) break
    if (boxes.readUInt32BE(at + 4) === wanted) found.push(boxes.subarray(at + 8, at + length))
    at += length
  }
  return found
}
