import { drawGrid, toBytes } from '../models/grid.ts'

/** Values of a layer, [height, width, channels] row by row. */
export interface Activations {
  height: number
  width: number
  channels: number
  data: Float32Array
}

/** The edge that a map is enlarged to, in pixels, where it is smaller. */
const EDGE = 24

/** A PNG with a grey picture of each channel, each from its smallest value (black) to its largest (white). */
export function drawFeatureMaps({ height, width, channels, data }: Activations): Promise<Buffer> {
  const maps = Array.from({ length: channels }, (_, channel) =>
    Float32Array.from({ length: height * width }, (_, cell) => data[cell * channels + channel]!),
  )
  const tiles =
    height * width > 1
      ? maps.map(toBytes)
      : // Units have no picture of their own: they are compared with one another.
        [...toBytes(maps.map(([value]) => value!))].map((byte) => Uint8Array.of(byte))
  const scale = Math.max(1, Math.ceil(EDGE / Math.max(height, width)))
  return drawGrid({ height, width, channels: 1, data: tiles }, scale)
}
