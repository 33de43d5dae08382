import type { TensorInfo } from '@tensorflow/tfjs'
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'
import { tf } from '../../tensorflow.ts'
import { asWinograd, type ConvolutionAttributes, convolutionInfo } from './convolution-info.ts'
import { overrideWasmKernel, runWasmKernel } from './kernels.ts'
import { addressOf } from './memory.ts'
import { convolve } from './winograd.ts'

interface FusedInputs {
  x: TensorInfo
  filter: TensorInfo
  bias?: TensorInfo
  preluActivationWeights?: TensorInfo
}

/** 3x3 convolutions of stride 1 by Winograd's algorithm; XNNPACK keeps the others. */
export function registerConvolutions(): void {
  overrideWasmKernel<FusedInputs, ConvolutionAttributes>(
    'Conv2D',
    ({ inputs, attrs, backend }) =>
      forward(backend, inputs, attrs, -Infinity) ?? withExplicitPadding('Conv2D', backend, inputs, attrs),
  )
  overrideWasmKernel<FusedInputs, ConvolutionAttributes & { activation?: string }>(
    'FusedConv2D',
    ({ inputs, attrs, backend }) => {
      const { activation = 'linear' } = attrs
      const floor = activation === 'linear' ? -Infinity : activation === 'relu' ? 0 : null
      return (
        forward(backend, inputs, attrs, floor) ?? withExplicitPadding('FusedConv2D', backend, inputs, attrs)
      )
    },
  )
}

/** `floor`: what the outputs are not below, or null for an activation that is more than that. */
function forward(
  backend: BackendWasm,
  { x, filter, bias }: FusedInputs,
  attrs: ConvolutionAttributes,
  floor: number | null,
): TensorInfo | null {
  const info = convolutionInfo(x.shape, filter.shape, attrs)
  // XNNPACK writes to a place that is not its own when there is nothing to compute.
  if (tf.util.sizeFromShape(info.outShape) === 0) return backend.makeOutput(info.outShape, 'float32')
  const convolution = asWinograd(info)
  // A bias of another shape than [channels] is legal, and XNNPACK's matter.
  if (!convolution || floor === null || (bias && bias.shape.join() !== `${info.outChannels}`)) return null

  const out = backend.makeOutput(info.outShape, 'float32')
  const addresses = {
    source: addressOf(backend, x),
    filter: addressOf(backend, filter),
    target: addressOf(backend, out),
    bias: bias && addressOf(backend, bias),
  }
  convolve(backend, convolution, addresses, { floor })
  return out
}

/**
 * XNNPACK computes nothing, and says nothing, when it is to find the padding of "same" itself and a stride is larger
 * than the filter; with the padding spelt out it computes. Null for every other convolution.
 */
function withExplicitPadding(
  kernelName: string,
  backend: BackendWasm,
  inputs: FusedInputs,
  attrs: ConvolutionAttributes,
): TensorInfo | null {
  if (attrs.pad !== 'same') return null
  const info = convolutionInfo(inputs.x.shape, inputs.filter.shape, attrs)
  const { padInfo, filterHeight, filterWidth, strideHeight, strideWidth } = info
  if (filterHeight >= strideHeight && filterWidth >= strideWidth) return null
  const pad = [
    [0, 0],
    [padInfo.top, padInfo.bottom],
    [padInfo.left, padInfo.right],
    [0, 0],
  ]
  return runWasmKernel(kernelName, inputs, backend, {
    ...attrs,
    pad,
  } as never)
}
