import { tf } from '../../tensorflow.ts'
import type { Convolution } from './layout.ts'

export interface ConvolutionAttributes {
  strides: [number, number] | number
  pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding
  dataFormat: 'NHWC' | 'NCHW'
  dimRoundingMode?: 'floor' | 'round' | 'ceil'
  dilations?: [number, number] | number
}

/** Sizes and paddings of a convolution, resolved. */
export function convolutionInfo(
  inputShape: readonly number[],
  filterShape: readonly number[],
  { strides, dilations, pad, dimRoundingMode, dataFormat }: ConvolutionAttributes,
): tf.backend_util.Conv2DInfo {
  return tf.backend_util.computeConv2DInfo(
    inputShape as [number, number, number, number],
    filterShape as [number, number, number, number],
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
    false,
    tf.backend_util.convertConv2DDataFormat(dataFormat),
  )
}

/**
 * The convolution as Winograd's algorithm takes it, or null where it does not apply or does not pay: other than 3x3,
 * strides, dilations, or so few or small pictures that most of the 4x4 tiles would be empty.
 */
export function asWinograd(info: tf.backend_util.Conv2DInfo): Convolution | null {
  const { padInfo } = info
  const plain =
    info.dataFormat === 'channelsLast' &&
    info.strideHeight === 1 &&
    info.strideWidth === 1 &&
    info.dilationHeight === 1 &&
    info.dilationWidth === 1
  if (!plain || info.filterHeight !== 3 || info.filterWidth !== 3) return null
  if (padInfo.top > 2 || padInfo.left > 2) return null

  const tiles = info.batchSize * Math.ceil(info.outHeight / 4) * Math.ceil(info.outWidth / 4)
  const outputs = info.batchSize * info.outHeight * info.outWidth
  // A tile costs 36 multiplications per pair of channels, a pixel of the direct algorithm 9.
  if (outputs === 0 || tiles * 36 > outputs * 9 || tiles < 4) return null
  return {
    batch: info.batchSize,
    source: { height: info.inHeight, width: info.inWidth, channels: info.inChannels },
    target: { height: info.outHeight, width: info.outWidth, channels: info.outChannels },
    top: padInfo.top,
    left: padInfo.left,
  }
}

/** Whether the convolution is a matrix product of pixels and channels. */
export function isPointwise(info: tf.backend_util.Conv2DInfo): boolean {
  const { padInfo } = info
  return (
    info.dataFormat === 'channelsLast' &&
    info.filterHeight * info.filterWidth === 1 &&
    info.strideHeight * info.strideWidth === 1 &&
    padInfo.top + padInfo.bottom + padInfo.left + padInfo.right === 0
  )
}
