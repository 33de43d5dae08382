import { multipleOf, oddLines } from './pack.ts'
import type { Image } from './strip.ts'
import type { Tiling } from './tiles.ts'

/** A 3x3 convolution of stride 1: target pixel (y, x) sees the source from (y - top, x - left) on, zeros outside. */
export interface Convolution {
  batch: number
  source: Image
  target: Image
  top: number
  left: number
}

/** Channels filled up to whole vectors and register tiles, strips of image that hold a block, bytes of a plane. */
export function layout({ source, target }: Convolution, { across, rowsPerBlock }: Tiling) {
  const depth = multipleOf(4, source.channels)
  const width = multipleOf(8, target.channels)
  const tiles = multipleOf(4, rowsPerBlock * across)
  return {
    depth,
    width,
    /** A tile reads 6x6 pixels, two more than it covers. */
    inputStrip: { height: rowsPerBlock * 4 + 2, width: across * 4 + 2, channels: depth },
    targetStrip: { height: rowsPerBlock * 4, width: across * 4, channels: width },
    /** The target's own memory is made of whole tiles and vectors. */
    direct: width === target.channels && target.height % 4 === 0 && target.width % 4 === 0,
    planeBytes: {
      filter: oddLines(depth * width * 4),
      input: oddLines(tiles * depth * 4),
      target: oddLines(tiles * width * 4),
    },
  }
}
