import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'
import { simdKernels } from './simd.ts'

/** Rows that are summed on their own before they are added to the total; it bounds the rounding error. */
const SLAB_ROWS = 256

/** A [rows, channels] matrix in memory; channels is a multiple of 4. */
export interface Rows {
  address: number
  rows: number
  channels: number
}

/** sum[c] += the sum of x[r][c]; `sum` is an address. */
export function addChannelSums(backend: BackendWasm, x: Rows, sum: number): void {
  const { sum4, sum16 } = simdKernels(backend)
  eachStripe(x, (channelByte, firstByte, slabs, rows, wide) => {
    const sumOf = wide ? sum16 : sum4
    sumOf(x.address + firstByte, sum + channelByte, slabs, rows, x.channels * 4)
  })
}

/** sum[c] += the sum of dy[r][c]; product[c] += the sum of dy[r][c] * (x[r][c] - mean[c]). */
export function addGradientSums(
  backend: BackendWasm,
  dy: Rows,
  addresses: { x: number; mean: number; sum: number; product: number },
): void {
  const { gradientSums4, gradientSums16 } = simdKernels(backend)
  eachStripe(dy, (channelByte, firstByte, slabs, rows, wide) => {
    const sumsOf = wide ? gradientSums16 : gradientSums4
    sumsOf(
      ...[dy.address + firstByte, addresses.x + firstByte, addresses.mean + channelByte],
      ...[addresses.sum + channelByte, addresses.product + channelByte, slabs, rows, dy.channels * 4],
    )
  })
}

/** Stripes of 16 or 4 channels; first all whole slabs of rows, then what is left. */
function eachStripe(
  { rows, channels }: Rows,
  visit: (channelByte: number, firstByte: number, slabs: number, rows: number, wide: boolean) => void,
): void {
  const wide = channels % 16 === 0
  const slabs = Math.floor(rows / SLAB_ROWS)
  const rest = rows % SLAB_ROWS
  for (let channel = 0; channel < channels; channel += wide ? 16 : 4) {
    if (slabs > 0) visit(channel * 4, channel * 4, slabs, SLAB_ROWS, wide)
    const after = slabs * SLAB_ROWS * channels
    if (rest > 0) visit(channel * 4, (after + channel) * 4, 1, rest, wide)
  }
}
