import { endianness } from 'node:os'

export interface TiffLayout {
  width: number
  height: number
  photometric: number
  bits: 8 | 16
  /** Samples of a pixel without its alpha. */
  colours: number
  /** Whether a sample of alpha follows, by which the colours are not multiplied. */
  alpha: boolean
  orientation: number
  icc: Uint8Array | undefined
}

const LITTLE_ENDIAN = endianness() === 'LE'

const SHORT = 3
const LONG = 4
const UNDEFINED = 7

/**
 * An uncompressed TIFF of one strip in the machine's byte order.
 * pixels: its samples, height * width * (colours + alpha), which are for the caller to fill.
 */
export function writeTiff(layout: TiffLayout): { file: Buffer; pixels: Uint8Array | Uint16Array } {
  const { width, height, bits, alpha, icc } = layout
  const samples = layout.colours + (alpha ? 1 : 0)
  const length = width * height * samples * (bits / 8)
  const entries: [tag: number, type: number, values: ArrayLike<number>][] = [
    [256, LONG, [width]],
    [257, LONG, [height]],
    [258, SHORT, Array<number>(samples).fill(bits)],
    [259, SHORT, [1]],
    [262, SHORT, [layout.photometric]],
    [273, LONG, [0]],
    [274, SHORT, [layout.orientation]],
    [277, SHORT, [samples]],
    [278, LONG, [height]],
    [279, LONG, [length]],
    ...(alpha ? [[338, SHORT, [2]] as [number, number, number[]]] : []),
    ...(icc === undefined ? [] : [[34675, UNDEFINED, icc] as [number, number, Uint8Array]]),
  ]
  const directory = 8
  let spill = directory + 2 + entries.length * 12 + 4
  // 16 bytes for the bits of up to five samples; two more keep the samples at an even place.
  const pixelsAt = (spill + 16 + (icc?.length ?? 0) + 2) & ~1
  const file = Buffer.alloc(pixelsAt + length)
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  file.write(LITTLE_ENDIAN ? 'II' : 'MM', 'latin1')
  view.setUint16(2, 42, LITTLE_ENDIAN)
  view.setUint32(4, directory, LITTLE_ENDIAN)
  view.setUint16(directory, entries.length, LITTLE_ENDIAN)
  for (const [index, [tag, type, values]] of entries.entries()) {
    const entry = directory + 2 + index * 12
    view.setUint16(entry, tag, LITTLE_ENDIAN)
    view.setUint16(entry + 2, type, LITTLE_ENDIAN)
    view.setUint32(entry + 4, values.length, LITTLE_ENDIAN)
    const bytes = type === UNDEFINED ? 1 : type === SHORT ? 2 : 4
    let at = entry + 8
    if (bytes * values.length > 4) {
      view.setUint32(at, spill, LITTLE_ENDIAN)
      at = spill
      spill += bytes * values.length
    }
    if (tag === 273) view.setUint32(at, pixelsAt, LITTLE_ENDIAN)
    else if (type === UNDEFINED) file.set(values, at)
    else if (type === SHORT)
      for (let k = 0; k < values.length; k++) view.setUint16(at + 2 * k, values[k]!, LITTLE_ENDIAN)
    else view.setUint32(at, values[0]!, LITTLE_ENDIAN)
  }
  const pixels =
    bits === 16
      ? new Uint16Array(file.buffer, file.byteOffset + pixelsAt, length / 2)
      : new Uint8Array(file.buffer, file.byteOffset + pixelsAt, length)
  return { file, pixels }
}
