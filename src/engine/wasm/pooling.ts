import type { TensorInfo } from '@tensorflow/tfjs'
import { tf } from '../../tensorflow.ts'
import { runOnCpu } from './fallback.ts'
import { overrideWasmKernel, registerWasmKernel } from './kernels.ts'
import { addressOf } from './memory.ts'
import { simdKernels } from './simd.ts'

interface PoolAttributes {
  filterSize: [number, number] | number
  strides: [number, number] | number
  pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding
  dimRoundingMode?: 'floor' | 'round' | 'ceil'
}

/** Pools without outputs, of which XNNPACK would write one to a place that is not its own; it keeps the others. */
export function registerEmptyPools(): void {
  for (const kernelName of ['MaxPool', 'AvgPool']) {
    overrideWasmKernel<{ x: TensorInfo }, PoolAttributes>(kernelName, ({ inputs, attrs, backend }) => {
      const { outShape } = poolInfo(inputs.x, attrs)
      return tf.util.sizeFromShape(outShape) === 0 ? backend.makeOutput(outShape, 'float32') : null
    })
  }
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
      const info = poolInfo(input, attrs)
      const { filterHeight, filterWidth, strideHeight, strideWidth, inChannels, padInfo } = info
      const square = [filterHeight, filterWidth, strideHeight, strideWidth].every((size) => size === 2)
      const whole = info.inHeight === 2 * info.outHeight && info.inWidth === 2 * info.outWidth
      const unmoved = padInfo.top === 0 && padInfo.left === 0
      const empty = tf.util.sizeFromShape(input.shape) === 0
      if (!square || !whole || !unmoved || inChannels % 4 !== 0 || empty) {
        return runOnCpu('MaxPoolGrad', call)
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

function poolInfo(x: TensorInfo, { filterSize, strides, pad, dimRoundingMode }: PoolAttributes) {
  const shape = x.shape as [number, number, number, number]
  return tf.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode)
}
