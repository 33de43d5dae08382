/** Pictures that are sent to a server, and what their decoder takes alone. */
import sharp from 'sharp'
import { DECODERS } from '../../src/predictor/predictor-host.ts'

/** As large as the networks' input, each another one. */
export function smallPictures(count: number): Promise<Buffer[]> {
  return Promise.all(
    Array.from({ length: count }, (_, seed) => {
      const pixels = Uint8Array.from({ length: 32 * 32 * 3 }, (_, at) => ((at + seed) * 2654435761) >>> 24)
      return sharp(pixels, { raw: { width: 32, height: 32, channels: 3 } })
        .png()
        .toBuffer()
    }),
  )
}

/** A JPEG as people send them, of 33 kB, or 60 kB with 680 x 510 pixels: smooth shapes with some grain. */
export function photograph(width = 500, height = 375): Promise<Buffer> {
  const pixels = new Uint8Array(width * height * 3)
  for (let at = 0; at < pixels.length; at++) {
    const [x, y] = [Math.floor(at / 3) % width, Math.floor(at / 3 / width)]
    pixels[at] = 128 + 90 * Math.sin(x / 40 + (at % 3)) * Math.cos(y / 30) + ((at * 2654435761) >>> 28)
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer()
}

const DECODED = 400

/** Processor time of sharp for the picture at 32 x 32, in milliseconds: as many at a time as a predictor decodes. */
export async function decodingMs(picture: Uint8Array): Promise<number> {
  sharp.cache(false)
  sharp.concurrency(1)
  const decode = async (count: number) => {
    let left = count
    const lane = async () => {
      while (left-- > 0) await sharp(picture).resize(32, 32).raw().toBuffer()
    }
    await Promise.all(Array.from({ length: DECODERS }, lane))
  }
  await decode(DECODED / 4)
  const before = process.cpuUsage()
  await decode(DECODED)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / DECODED
}
