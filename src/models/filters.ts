import { openSafetensors } from '../zoo/safetensors-file.ts'
import { drawGrid, toBytes } from './grid.ts'

/** The weights of every VGG's first convolution: [filters, 3, height, width]. */
const FIRST = 'features.0.weight'

/** The edge that a filter is enlarged to, in pixels. */
const EDGE = 24

/**
 * A PNG with a tile in RGB for each filter of the first convolution, each from its smallest weight (0) to its largest
 * (255): what in a picture it answers to.
 *
 * @param path  the zoo's own safetensors file; only its header and this tensor are read
 */
export async function drawFilters(path: string): Promise<Buffer> {
  const file = await openSafetensors(path)
  try {
    const entry = file.header.entries.find(({ name }) => name === FIRST)
    if (entry === undefined) throw new Error(`${path} has no ${FIRST}.`)
    const [filters, channels, height, width] = entry.shape as [number, number, number, number]
    const weights = (await file.read(entry)).data as Float32Array
    const size = channels * height * width
    const tiles = Array.from({ length: filters }, (_, filter) => {
      const bytes = toBytes(weights.subarray(filter * size, (filter + 1) * size))
      // [c, h, w] -> [h, w, c]
      return Uint8Array.from(
        bytes,
        (_byte, at) => bytes[(at % channels) * height * width + Math.floor(at / channels)]!,
      )
    })
    const scale = Math.ceil(EDGE / height)
    return await drawGrid({ height, width, channels: channels as 3, data: tiles }, scale)
  } finally {
    await file.close()
  }
}
