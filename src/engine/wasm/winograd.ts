import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'
import { type Convolution, layout } from './layout.ts'
import { floats, scratchRegions } from './memory.ts'
import { multipleOf, pack } from './pack.ts'
import { type SimdKernels, simdKernels } from './simd.ts'
import { bytesOf, copyStrip, type Image } from './strip.ts'
import { type Chunk, type Tiling, tile } from './tiles.ts'

/** Four channels of one element, float32. */
const VECTOR = 16
/** Elements of a transformed tile. Plane p holds element p of all tiles: [channels / 4][tiles][4]. */
const PLANES = 36
const TAPS = 9

/**
 * target = source * filter + bias, or floor where that is larger, by F(4x4, 3x3).
 *
 * Addresses of source [batch, height, width, channels], filter [3, 3, source channels, target channels], target and
 * bias [target channels]. With `transposed` the filter is [3, 3, target channels, source channels], turned by 180
 * degrees: the gradient of a convolution with respect to its input.
 */
export function convolve(
  backend: BackendWasm,
  convolution: Convolution,
  addresses: { source: number; filter: number; target: number; bias?: number },
  options: { transposed?: boolean; floor?: number } = {},
): void {
  const { batch, target } = convolution
  const kernels = simdKernels(backend)
  const tiling = tile(batch, target)
  const { depth, width, inputStrip, targetStrip, direct, planeBytes } = layout(convolution, tiling)
  const [scratch, floor, bias, filter, planes, input, output, inputAt, targetAt] = scratchRegions(backend, [
    ...[PLANES * VECTOR, VECTOR, width * 4, TAPS * depth * width * 4],
    ...[PLANES * planeBytes.filter, PLANES * planeBytes.input, PLANES * planeBytes.target],
    ...[bytesOf(inputStrip), direct ? 0 : bytesOf(targetStrip)],
  ])
  const heap = floats(backend)
  heap.fill(options.floor ?? -Infinity, floor / 4, floor / 4 + 4)
  heap.fill(0, bias / 4, bias / 4 + width)
  if (addresses.bias) heap.copyWithin(bias / 4, addresses.bias / 4, addresses.bias / 4 + target.channels)
  heap.fill(0, inputAt / 4, (inputAt + bytesOf(inputStrip)) / 4)

  packFilter(kernels, heap, convolution, addresses.filter, options.transposed ?? false, filter)
  kernels.filterTransform(
    ...[filter, planes, scratch],
    ...[3 * depth * width * 4, depth * width * 4, 6 * planeBytes.filter, planeBytes.filter],
    ...[depth, VECTOR, VECTOR],
    ...[width / 4, depth * VECTOR, depth * VECTOR],
    ...[1, 0, 0],
  )

  for (const { tiles, chunks } of tiling.blocks) {
    const rows = multipleOf(4, tiles)
    for (const chunk of chunks) {
      copyInput(heap, convolution, chunk, addresses.source, inputAt, inputStrip)
      const to = input + chunk.firstTile * VECTOR
      transformTiles(
        kernels.inputTransform,
        inputAt,
        inputStrip,
        chunk,
        tiling,
        to,
        planeBytes.input,
        rows,
        scratch,
      )
    }
    kernels.multiply(
      ...[input, planes, output, rows, depth, width],
      ...[PLANES, planeBytes.input, planeBytes.filter, planeBytes.target],
    )
    for (const chunk of chunks) {
      const to =
        addresses.target + chunk.image * bytesOf(target) + bytesOf({ ...target, height: chunk.row * 4 })
      const row = (direct ? target : targetStrip).width * width * 4
      kernels.outputTransform(
        ...[output + chunk.firstTile * VECTOR, direct ? to : targetAt, scratch],
        ...[6 * planeBytes.target, planeBytes.target, row, width * 4],
        ...[tiling.across, VECTOR, 4 * width * 4],
        ...[width / 4, rows * VECTOR, VECTOR],
        ...[chunk.rows, tiling.across * VECTOR, 4 * row],
        ...[bias, floor],
      )
      if (direct) continue
      const inside = { ...target, height: Math.min(chunk.rows * 4, target.height - chunk.row * 4) }
      copyStrip(heap, targetAt, targetStrip, to, inside)
    }
  }
}

/**
 * gradient: [3, 3, source channels, target channels], the sum over all pixels of source times targetGradient for each
 * tap: the exact transpose of `convolve` with respect to its filter.
 */
export function filterGradient(
  backend: BackendWasm,
  convolution: Convolution,
  addresses: { source: number; targetGradient: number; gradient: number },
): void {
  const { batch, source, target } = convolution
  const kernels = simdKernels(backend)
  const tiling = tile(batch, target)
  const { depth, width, inputStrip, targetStrip, direct, planeBytes } = layout(convolution, tiling)
  const padded = depth !== source.channels || width !== target.channels
  const [scratch, filter, planes, input, output, inputAt, targetAt] = scratchRegions(backend, [
    ...[PLANES * VECTOR, padded ? TAPS * depth * width * 4 : 0],
    ...[PLANES * planeBytes.filter, PLANES * planeBytes.input, PLANES * planeBytes.target],
    ...[bytesOf(inputStrip), direct ? 0 : bytesOf(targetStrip)],
  ])
  const heap = floats(backend)
  heap.fill(0, planes / 4, (planes + PLANES * planeBytes.filter) / 4)
  heap.fill(0, inputAt / 4, (inputAt + bytesOf(inputStrip)) / 4)
  if (!direct) heap.fill(0, targetAt / 4, (targetAt + bytesOf(targetStrip)) / 4)

  for (const { tiles, chunks } of tiling.blocks) {
    for (const chunk of chunks) {
      copyInput(heap, convolution, chunk, addresses.source, inputAt, inputStrip)
      const inputTo = input + chunk.firstTile * VECTOR
      transformTiles(
        kernels.inputTransform,
        inputAt,
        inputStrip,
        chunk,
        tiling,
        inputTo,
        planeBytes.input,
        tiles,
        scratch,
      )

      const image = addresses.targetGradient + chunk.image * bytesOf(target)
      const first = image + bytesOf({ ...target, height: chunk.row * 4 })
      if (!direct)
        copyStrip(heap, image, target, targetAt, targetStrip, { top: -chunk.row * 4, rows: chunk.rows * 4 })
      const [from, strip] = direct ? [first, target] : [targetAt, targetStrip]
      const to = output + chunk.firstTile * VECTOR
      transformTiles(
        kernels.gradientTransform,
        from,
        strip,
        chunk,
        tiling,
        to,
        planeBytes.target,
        tiles,
        scratch,
      )
    }
    const block = tiles * VECTOR
    kernels.accumulate(
      ...[input, output, planes, tiles, depth, width, VECTOR, VECTOR, block],
      ...[block, 2 * block, VECTOR, depth * VECTOR, 2 * depth * VECTOR],
      ...[PLANES, planeBytes.input, planeBytes.target, planeBytes.filter],
    )
  }

  kernels.filterGradientTransform(
    ...[planes, padded ? filter : addresses.gradient, scratch],
    ...[6 * planeBytes.filter, planeBytes.filter, 3 * depth * width * 4, depth * width * 4],
    ...[depth, VECTOR, width * 4],
    ...[width / 4, depth * VECTOR, VECTOR],
    ...[1, 0, 0],
  )
  if (!padded) return
  const tap = { height: 1, width: source.channels, channels: target.channels }
  const paddedTap = { height: 1, width: depth, channels: width }
  for (let n = 0; n < TAPS; n++) {
    copyStrip(heap, filter + n * bytesOf(paddedTap), paddedTap, addresses.gradient + n * bytesOf(tap), tap)
  }
}

/** Tap by tap into [target channels / 4][source channels][4], turned and transposed if asked for. */
function packFilter(
  kernels: SimdKernels,
  heap: Float32Array,
  { source, target }: Convolution,
  address: number,
  transposed: boolean,
  to: number,
): void {
  const size = { rows: source.channels, columns: target.channels, unit: 8 } as const
  const depth = multipleOf(4, source.channels)
  const tapElements = depth * multipleOf(8, target.channels)
  if (depth !== source.channels) heap.fill(0, to / 4, to / 4 + TAPS * tapElements)
  for (let tap = 0; tap < TAPS; tap++) {
    const from = transposed ? TAPS - 1 - tap : tap
    const matrix = {
      address: address + from * source.channels * target.channels * 4,
      rowStride: transposed ? 1 : target.channels,
      columnStride: transposed ? source.channels : 1,
    }
    pack(kernels, heap, matrix, size, to + tap * tapElements * 4, depth * VECTOR)
  }
}

/** The pixels that a chunk's tiles read, with zeros outside of the image; the strip's margins are zeros already. */
function copyInput(
  heap: Float32Array,
  { source, top, left }: Convolution,
  { image, row, rows }: Chunk,
  from: number,
  to: number,
  strip: Image,
): void {
  const window = { top: top - row * 4, left, rows: rows * 4 + 2 }
  copyStrip(heap, from + image * bytesOf(source), source, to, strip, window)
}

/** Tiles of a strip, four pixels apart, into planes. `rows`: the tiles that a block of four channels has room for. */
function transformTiles(
  transform: (...operands: number[]) => void,
  from: number,
  strip: Image,
  chunk: Chunk,
  { across }: Tiling,
  to: number,
  planeBytes: number,
  rows: number,
  scratch: number,
): void {
  const pixel = strip.channels * 4
  const row = strip.width * pixel
  transform(
    ...[from, to, scratch],
    ...[row, pixel, 6 * planeBytes, planeBytes],
    ...[across, 4 * pixel, VECTOR],
    ...[strip.channels / 4, VECTOR, rows * VECTOR],
    ...[chunk.rows, 4 * row, across * VECTOR],
  )
}
