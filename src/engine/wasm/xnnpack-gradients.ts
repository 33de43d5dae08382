import type { backend_util, TensorInfo } from '@tensorflow/tfjs'
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'
import { runWasmKernel } from './kernels.ts'
import { addressOf, floats } from './memory.ts'

/*
 * The gradients of any undilated convolution as convolutions themselves, by XNNPACK. Both return null for what they
 * cannot express.
 */

/**
 * The channels of x become the batch, dy the filter, its pixels as far apart as the stride:
 * [in, h, w, n] * [oh, ow, n, out] = [in, filter height, filter width, out].
 */
export function filterGradientByXnnpack(
  backend: BackendWasm,
  info: backend_util.Conv2DInfo,
  x: TensorInfo,
  dy: TensorInfo,
): TensorInfo | null {
  if (!isPlain(info)) return null
  const { padInfo, filterHeight, filterWidth, strideHeight, strideWidth } = info
  const images = runWasmKernel('Transpose', { x }, backend, { perm: [3, 1, 2, 0] })
  const filter = runWasmKernel('Transpose', { x: dy }, backend, { perm: [1, 2, 0, 3] })
  // So much padding that the output is as high and wide as the filter, or larger: rows that no window touched.
  const bottom = filterHeight + (info.outHeight - 1) * strideHeight - info.inHeight - padInfo.top
  const right = filterWidth + (info.outWidth - 1) * strideWidth - info.inWidth - padInfo.left
  const full = runWasmKernel('Conv2D', { x: images, filter }, backend, {
    strides: [1, 1],
    dilations: [strideHeight, strideWidth],
    pad: [
      [0, 0],
      [padInfo.top, Math.max(0, bottom)],
      [padInfo.left, Math.max(0, right)],
      [0, 0],
    ],
    dataFormat: 'NHWC',
  })
  const used = runWasmKernel('Slice', { x: full }, backend, {
    begin: [0, 0, 0, 0],
    size: [info.inChannels, filterHeight, filterWidth, info.outChannels],
  })
  const out = runWasmKernel('Transpose', { x: used }, backend, { perm: [1, 2, 0, 3] })
  for (const { dataId } of [images, filter, full, used]) backend.disposeData(dataId)
  return out
}

/** dy, zeros between its pixels where the stride is above 1, convolved with the turned filter. */
export function inputGradientByXnnpack(
  backend: BackendWasm,
  info: backend_util.Conv2DInfo,
  dy: TensorInfo,
  filter: TensorInfo,
): TensorInfo | null {
  const { padInfo, filterHeight, filterWidth, strideHeight, strideWidth } = info
  const top = filterHeight - 1 - padInfo.top
  const left = filterWidth - 1 - padInfo.left
  const bottom = info.inHeight - 1 - (info.outHeight - 1) * strideHeight + padInfo.top
  const right = info.inWidth - 1 - (info.outWidth - 1) * strideWidth + padInfo.left
  if (!isPlain(info) || Math.min(top, left, bottom, right) < 0) return null

  const spread =
    strideHeight === 1 && strideWidth === 1 ? dy : spreadPixels(backend, dy, strideHeight, strideWidth)
  const turned = turnFilter(backend, filter)
  const out = runWasmKernel('Conv2D', { x: spread, filter: turned }, backend, {
    strides: [1, 1],
    dilations: [1, 1],
    pad: [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ],
    dataFormat: 'NHWC',
  })
  backend.disposeData(turned.dataId)
  if (spread !== dy) backend.disposeData(spread.dataId)
  return out
}

const isPlain = (info: backend_util.Conv2DInfo): boolean =>
  info.dataFormat === 'channelsLast' &&
  info.dilationHeight === 1 &&
  info.dilationWidth === 1 &&
  info.batchSize * info.outHeight * info.outWidth > 0

/** [n, h, w, c] -> [n, (h - 1) * down + 1, (w - 1) * across + 1, c] */
function spreadPixels(backend: BackendWasm, image: TensorInfo, down: number, across: number): TensorInfo {
  const [batch, height, width, channels] = image.shape
  const shape = [batch, (height - 1) * down + 1, (width - 1) * across + 1, channels]
  const out = backend.makeOutput(shape, 'float32')
  const heap = floats(backend)
  const [from, to] = [addressOf(backend, image) / 4, addressOf(backend, out) / 4]
  heap.fill(0, to, to + batch * shape[1] * shape[2] * channels)
  for (let n = 0; n < batch; n++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const read = from + ((n * height + y) * width + x) * channels
        heap.copyWithin(
          to + ((n * shape[1] + y * down) * shape[2] + x * across) * channels,
          read,
          read + channels,
        )
      }
    }
  }
  return out
}

/** [height, width, in, out], turned by 180 degrees -> [height, width, out, in] */
function turnFilter(backend: BackendWasm, filter: TensorInfo): TensorInfo {
  const [height, width, inputs, outputs] = filter.shape
  const out = backend.makeOutput([height, width, outputs, inputs], 'float32')
  const heap = floats(backend)
  const [from, to] = [addressOf(backend, filter) / 4, addressOf(backend, out) / 4]
  const taps = height * width
  for (let tap = 0; tap < taps; tap++) {
    const read = from + (taps - 1 - tap) * inputs * outputs
    const write = to + tap * inputs * outputs
    for (let i = 0; i < inputs; i++) {
      for (let o = 0; o < outputs; o++) heap[write + o * inputs + i] = heap[read + i * outputs + o]
    }
  }
  return out
}
