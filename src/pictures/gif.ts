/** The first picture of a GIF, as a file of its own. */
export interface GifFrame {
  /** The file up to the end of its first picture, which is the last of it. */
  bytes: Uint8Array
  /** As the file says, and as far as its first picture reaches, as browsers have it. */
  canvas: { width: number; height: number }
  left: number
  top: number
  width: number
  height: number
}

const EXTENSION = 0x21
const PICTURE = 0x2c
const TRAILER = 0x3b

/**
 * Reads where on the canvas the first picture of a GIF lies (GIF89a, sections 18 to 22).
 * @returns null where the file ends before that picture does
 */
export function readFirstGifFrame(bytes: Uint8Array): GifFrame | null {
  const gif = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (gif.length < 13) return null
  let at = 13 + tableBytes(gif[10]!)
  while (at < gif.length && gif[at] === EXTENSION) at = blocksEnd(gif, at + 2)
  if (gif[at] !== PICTURE || at + 10 > gif.length) return null
  const data = at + 10 + tableBytes(gif[at + 9]!)
  const end = blocksEnd(gif, data + 1)
  if (end > gif.length) return null
  const [left, top, width, height] = [1, 3, 5, 7].map((offset) => gif.readUInt16LE(at + offset)) as [
    number,
    number,
    number,
    number,
  ]
  return {
    bytes: Buffer.concat([gif.subarray(0, end), Buffer.of(TRAILER)]),
    canvas: {
      width: Math.max(gif.readUInt16LE(6), left + width),
      height: Math.max(gif.readUInt16LE(8), top + height),
    },
    left,
    top,
    width,
    height,
  }
}

/** Bytes of the colour table that a field of flags tells of. */
function tableBytes(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1)
}

/** The place after a chain of blocks, each led by its length, the last of length 0; past the end where it is cut. */
function blocksEnd(gif: Buffer, from: number): number {
  let at = from
  while (at < gif.length) {
    const length = gif[at]!
    at += 1 + length
    if (length === 0) return at
  }
  return Number.POSITIVE_INFINITY
}
