import { backend_util, type TensorInfo } from '@tensorflow/tfjs'
import { runOnCpu } from './fallback.ts'
import { type KernelCall, registerWasmKernel } from './kernels.ts'
import { addressOf } from './memory.ts'
import { simdKernels } from './simd.ts'

interface PoolAttributes {
  filterSize: [number, number] | number
  strides: [number, number] | number
  pad: 'valid' | 'same' | number | backend_util.ExplicitPadding
  dimRoundingMode?: 'floor' | 'round' | 'ceil'
}

/**
 * The gradient of VGG's pooling: 2x2 with stride 2 on even sizes. All others run in plain JavaScript: the stock kernel
 * gives a wrong gradient for every picture of a batch but the first.
 */
export function registerMaxPoolGradient(): void {
  registerWasmKernel<{ dy: TensorInfo; input: TensorInfo; output: TensorInfo }, PoolAttributes>(
    'MaxPoolGrad',
    (call) => {
      const { inputs, attrs, backend } = call
      const { dy, input, output } = inputs
      const info = backend_util.computePool2DInfo(
        input.shape as [number, number, number, number],
        attrs.filterSize,
        attrs.strides,
        1,
        attrs.pad,
        attrs.dimRoundingMode,
      )
      const { filterHeight, filterWidth, strideHeight, strideWidth, inChannels } = info
      const square = [filterHeight, filterWidth, strideHeight, strideWidth].every((size) => size === 2)
      const whole = info.inHeight === 2 * info.outHeight && info.inWidth === 2 * info.outWidth
      if (!square || !whole || inChannels % 4 !== 0 || info.batchSize * inChannels === 0) {
        return runOnCpu('MaxPoolGrad', call as unknown as KernelCall)
      }

      const dx = backend.makeOutput(input.shape, 'float32')
      const [x, y, gradient, target] = [input, output, dy, dx].map((tensor) => addressOf(backend, tensor))
      simdKernels(backend).maxPoolGradient(
        ...[x, y, gradient, target, info.batchSize * info.outHeight, info.outWidth, inChannels / 4],
        ...[info.inWidth * inChannels * 4, inChannels * 4],
      )
      return dx
    },
  )
}
