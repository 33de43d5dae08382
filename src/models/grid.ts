import sharp from 'sharp'

/** Pictures of one size. */
export interface Tiles {
  height: number
  width: number
  /** 1: grey, 3: RGB. */
  channels: 1 | 3
  /** Each height * width * channels bytes, row by row. */
  data: readonly Uint8Array[]
}

/** Dark grey between tiles: neither the black nor the white that they have. */
const GAP = 48

/**
 * One PNG of all tiles, row by row in a square as far as that goes, with a pixel between them; each pixel of a tile
 * drawn as a square of `scale` pixels.
 */
export function drawGrid({ height, width, channels, data }: Tiles, scale: number): Promise<Buffer> {
  const columns = Math.ceil(Math.sqrt(data.length))
  const rows = Math.ceil(data.length / columns)
  const [tileHeight, tileWidth] = [height * scale + 1, width * scale + 1]
  const [fullHeight, fullWidth] = [rows * tileHeight + 1, columns * tileWidth + 1]
  const pixels = new Uint8Array(fullHeight * fullWidth * channels).fill(GAP)
  data.forEach((tile, index) => {
    const top = Math.floor(index / columns) * tileHeight + 1
    const left = (index % columns) * tileWidth + 1
    for (let y = 0; y < height * scale; y++) {
      const from = Math.floor(y / scale) * width
      const to = (top + y) * fullWidth + left
      for (let x = 0; x < width * scale; x++) {
        const source = (from + Math.floor(x / scale)) * channels
        for (let channel = 0; channel < channels; channel++) {
          pixels[(to + x) * channels + channel] = tile[source + channel]!
        }
      }
    }
  })
  return sharp(pixels, { raw: { width: fullWidth, height: fullHeight, channels } })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .png()
    .toBuffer()
}

/** Bytes from the smallest finite value (0) to the largest (255); 0 what is not finite, and all where there is no difference. */
export function toBytes(values: ArrayLike<number>): Uint8Array {
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) continue
    least = Math.min(least, values[i]!)
    most = Math.max(most, values[i]!)
  }
  const factor = most > least ? 255 / (most - least) : 0
  return Uint8Array.from(values, (value) =>
    factor === 0 || !Number.isFinite(value) ? 0 : Math.round((value - least) * factor),
  )
}
