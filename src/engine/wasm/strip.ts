/** A picture's size; it lies as [height][width][channels], float32. */
export interface Image {
  height: number
  width: number
  channels: number
}

export const bytesOf = ({ height, width, channels }: Image): number => height * width * channels * 4

/**
 * Copies rows of one image into another of other size, at byte addresses of `heap`.
 * Target row y takes source row y - top, or zeros where there is none; columns start at `left` and what is beside
 * them stays as it is; channels that only the target has stay too, channels that only the source has are dropped.
 * `rows`: how many rows of the target, all of them by default.
 */
export function copyStrip(
  heap: Float32Array,
  source: number,
  from: Image,
  target: number,
  to: Image,
  { top = 0, left = 0, rows = to.height } = {},
): void {
  const sourceRow = from.width * from.channels
  const targetRow = to.width * to.channels
  const columns = Math.min(from.width, to.width - left)
  const channels = Math.min(from.channels, to.channels)
  for (let y = 0; y < rows; y++) {
    const writeAt = target / 4 + y * targetRow + left * to.channels
    if (y < top || y >= from.height + top) {
      heap.fill(0, writeAt, writeAt + columns * to.channels)
      continue
    }
    const readAt = source / 4 + (y - top) * sourceRow
    if (from.channels === to.channels) {
      heap.copyWithin(writeAt, readAt, readAt + columns * channels)
      continue
    }
    for (let x = 0; x < columns; x++) {
      for (let c = 0; c < channels; c++) {
        heap[writeAt + x * to.channels + c] = heap[readAt + x * from.channels + c]
      }
    }
  }
}
