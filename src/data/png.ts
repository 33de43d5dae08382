import sharp from 'sharp'
import type { DatasetFacts } from './dataset-facts.ts'

/** An image of a data set as a PNG, each pixel drawn as a square of `scale` pixels. pixels: [height, width, channels] */
export function pngOf(
  pixels: Uint8Array | Uint8ClampedArray,
  [height, width, channels]: DatasetFacts['imageShape'],
  scale: number,
): Promise<Buffer> {
  return sharp(pixels, { raw: { width, height, channels: channels as 3 } })
    .resize(width * scale, height * scale, { kernel: 'nearest' })
    .png()
    .toBuffer()
}
