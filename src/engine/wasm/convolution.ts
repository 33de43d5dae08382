import type { TensorInfo } from '@tensorflow/tfjs'
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'
import { asWinograd, type ConvolutionAttributes, convolutionInfo } from './convolution-info.ts'
import { overrideWasmKernel } from './kernels.ts'
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
  overrideWasmKernel<FusedInputs, ConvolutionAttributes>('Conv2D', ({ inputs, attrs, backend }) =>
    forward(backend, inputs, attrs, -Infinity),
  )
  overrideWasmKernel<FusedInputs, ConvolutionAttributes & { activation?: string }>(
    'FusedConv2D',
    ({ inputs, attrs, backend }) => {
      const { activation = 'linear' } = attrs
      if (activation !== 'linear' && activation !== 'relu') return null
      return forward(backend, inputs, attrs, activation === 'relu' ? 0 : -Infinity)
    },
  )
}

function forward(
  backend: BackendWasm,
  { x, filter, bias }: FusedInputs,
  attrs: ConvolutionAttributes,
  floor: number,
): TensorInfo | null {
  const info = convolutionInfo(x.shape, filter.shape, attrs)
  const convolution = asWinograd(info)
  // A bias of another shape than [channels] is legal, and XNNPACK's matter.
  if (!convolution || (bias && bias.shape.join() !== `${info.outChannels}`)) return null

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
