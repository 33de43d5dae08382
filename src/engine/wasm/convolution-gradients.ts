import type { backend_util, TensorInfo } from '@tensorflow/tfjs'
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'
import { asWinograd, type ConvolutionAttributes, convolutionInfo, isPointwise } from './convolution-info.ts'
import { runOnCpu } from './fallback.ts'
import { registerWasmKernel } from './kernels.ts'
import { multiplyMatrices } from './matrix-multiply.ts'
import { addressOf } from './memory.ts'
import { convolve, filterGradient } from './winograd.ts'
import { filterGradientByXnnpack, inputGradientByXnnpack } from './xnnpack-gradients.ts'

type FilterGradientAttributes = ConvolutionAttributes & { filterShape: number[] }
type InputGradientAttributes = ConvolutionAttributes & { inputShape: number[] }

/** Both gradients of Conv2D: of the backend's own, one is missing and the other one a plain loop. */
export function registerConvolutionGradients(): void {
  registerWasmKernel<{ x: TensorInfo; dy: TensorInfo }, FilterGradientAttributes>(
    'Conv2DBackpropFilter',
    (call) => {
      const { inputs, attrs, backend } = call
      const info = convolutionInfo(inputs.x.shape, attrs.filterShape, attrs)
      return filterGradientOf(backend, info, inputs.x, inputs.dy) ?? runOnCpu('Conv2DBackpropFilter', call)
    },
  )
  registerWasmKernel<{ dy: TensorInfo; filter: TensorInfo }, InputGradientAttributes>(
    'Conv2DBackpropInput',
    (call) => {
      const { inputs, attrs, backend } = call
      const info = convolutionInfo(attrs.inputShape, inputs.filter.shape, attrs)
      return inputGradientOf(backend, info, inputs.dy, inputs.filter) ?? runOnCpu('Conv2DBackpropInput', call)
    },
  )
}

/** dFilter: [filter height, filter width, in, out], from x: [n, h, w, in] and dy: [n, oh, ow, out]. */
function filterGradientOf(
  backend: BackendWasm,
  info: backend_util.Conv2DInfo,
  x: TensorInfo,
  dy: TensorInfo,
): TensorInfo | null {
  const convolution = asWinograd(info)
  const pixels = info.batchSize * info.outHeight * info.outWidth
  if (!convolution && !(isPointwise(info) && pixels > 0)) return filterGradientByXnnpack(backend, info, x, dy)

  const out = backend.makeOutput(info.filterShape, 'float32')
  const [source, targetGradient, gradient] = [x, dy, out].map((tensor) => addressOf(backend, tensor))
  if (convolution) {
    filterGradient(backend, convolution, { source, targetGradient, gradient })
  } else {
    // transpose(x: [pixels, in]) * dy: [pixels, out]
    const size = { rows: info.inChannels, depth: pixels, columns: info.outChannels }
    const a = { address: source, rowStride: 1, columnStride: info.inChannels }
    const b = { address: targetGradient, rowStride: info.outChannels, columnStride: 1 }
    multiplyMatrices(backend, size, a, b, gradient)
  }
  return out
}

/** dx: [n, h, w, in], from dy: [n, oh, ow, out] and filter: [filter height, filter width, in, out]. */
function inputGradientOf(
  backend: BackendWasm,
  info: backend_util.Conv2DInfo,
  dy: TensorInfo,
  filter: TensorInfo,
): TensorInfo | null {
  const convolution = asWinograd(info)
  const pixels = info.batchSize * info.outHeight * info.outWidth
  if (!convolution && !(isPointwise(info) && pixels > 0))
    return inputGradientByXnnpack(backend, info, dy, filter)

  const out = backend.makeOutput(info.inShape, 'float32')
  const [source, filterAt, target] = [dy, filter, out].map((tensor) => addressOf(backend, tensor))
  if (convolution) {
    const turned = {
      ...convolution,
      source: convolution.target,
      target: convolution.source,
      top: 2 - convolution.top,
      left: 2 - convolution.left,
    }
    convolve(backend, turned, { source, filter: filterAt, target }, { transposed: true })
  } else {
    // dy: [pixels, out] * transpose(filter: [in, out])
    const size = { rows: pixels, depth: info.outChannels, columns: info.inChannels }
    const a = { address: source, rowStride: info.outChannels, columnStride: 1 }
    const b = { address: filterAt, rowStride: 1, columnStride: info.outChannels }
    multiplyMatrices(backend, size, a, b, target)
  }
  return out
}
