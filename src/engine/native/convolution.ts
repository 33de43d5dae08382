import type { TensorInfo } from '@tensorflow/tfjs'
import { tf } from '../../tensorflow.ts'
import type { ConvolutionGeometry } from './addon.ts'
import type { NativeBackend } from './backend.ts'
import { areFloats, isRow, registerNativeKernel } from './kernels.ts'

interface Attributes {
  strides: [number, number] | number
  pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding
  dataFormat: 'NHWC' | 'NCHW'
  dimRoundingMode?: 'floor' | 'round' | 'ceil'
  dilations?: [number, number] | number
}

type Shape4D = [number, number, number, number]

/** What the kernels in C++ do: float32 images with the channels last, filters without holes. Else null. */
export function convolutionGeometry(
  inputShape: readonly number[],
  filterShape: readonly number[],
  { strides, dilations, pad, dimRoundingMode, dataFormat }: Attributes,
): ConvolutionGeometry | null {
  const info = tf.backend_util.computeConv2DInfo(
    inputShape as Shape4D,
    filterShape as Shape4D,
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
    false,
    tf.backend_util.convertConv2DDataFormat(dataFormat),
  )
  if (info.dataFormat !== 'channelsLast' || info.dilationHeight !== 1 || info.dilationWidth !== 1) return null
  const geometry = Int32Array.of(
    info.batchSize,
    info.inHeight,
    info.inWidth,
    info.inChannels,
    info.filterHeight,
    info.filterWidth,
    info.strideHeight,
    info.strideWidth,
    1,
    1,
    info.padInfo.top,
    info.padInfo.left,
    info.outHeight,
    info.outWidth,
    info.outChannels,
  )
  return isWhole(geometry) ? geometry : null
}

/** The addon takes no more. */
const LARGEST_PADDING = 2 ** 20

/** An empty result, or a padding that cuts the image off or is immense, is the cpu backend's. */
function isWhole(geometry: ConvolutionGeometry): boolean {
  return geometry.every((value, at) =>
    at === 10 || at === 11 ? value >= 0 && value <= LARGEST_PADDING : value >= 1,
  )
}

/** `conv2dTranspose` takes any shape for its results: its images need not be what they would be convolved to. */
function resultsFit([n, , , , , , , , , , , , oh, ow, co]: ConvolutionGeometry, dy: TensorInfo): boolean {
  return tf.util.arraysEqual(dy.shape, [n, oh, ow, co])
}

/** The convolution of dy whose result is the gradient of the images. */
export function backward(geometry: ConvolutionGeometry): ConvolutionGeometry {
  const [n, h, w, ci, kh, kw, strideY, strideX, , , padTop, padLeft, oh, ow, co] = geometry
  return Int32Array.of(
    n,
    oh,
    ow,
    co,
    kh,
    kw,
    1,
    1,
    strideY,
    strideX,
    kh - 1 - padTop,
    kw - 1 - padLeft,
    h,
    w,
    ci,
  )
}

/** Convolves x into y, which the caller has taken. */
export function convolve(
  backend: NativeBackend,
  geometry: ConvolutionGeometry,
  x: Float32Array,
  filter: TensorInfo,
  {
    bias = null,
    relu = false,
    turned = false,
    places = null,
  }: { bias?: Float32Array | null; relu?: boolean; turned?: boolean; places?: Uint8Array | null },
  y: Float32Array,
): void {
  const { addon, direct } = backend
  const length = addon.packedFloats(geometry, direct)
  backend.filters.with(
    filter.dataId,
    // The length tells whether it is for Winograd's algorithm; else images of all sizes share it.
    `${turned} ${length}`,
    length,
    (packed) => addon.pack(geometry, direct, turned, backend.values(filter), packed),
    (packed) => addon.convolve(geometry, direct, x, packed, bias, relu, places, y),
  )
}

export function registerConvolutions(): void {
  registerNativeKernel<{ x: TensorInfo; filter: TensorInfo }, Attributes>(
    'Conv2D',
    ({ inputs: { x, filter }, attrs, backend }) => forward(backend, x, filter, undefined, false, attrs),
  )
  registerNativeKernel<
    { x: TensorInfo; filter: TensorInfo; bias?: TensorInfo; preluActivationWeights?: TensorInfo },
    Attributes & { activation?: string }
  >('FusedConv2D', ({ inputs: { x, filter, bias, preluActivationWeights }, attrs, backend }) => {
    const { activation = 'linear' } = attrs
    if (preluActivationWeights || (activation !== 'linear' && activation !== 'relu')) return null
    return forward(backend, x, filter, bias, activation === 'relu', attrs)
  })
  registerNativeKernel<{ dy: TensorInfo; filter: TensorInfo }, Attributes & { inputShape: number[] }>(
    'Conv2DBackpropInput',
    ({ inputs: { dy, filter }, attrs, backend }) => {
      if (!areFloats(dy, filter)) return null
      const geometry = convolutionGeometry(attrs.inputShape, filter.shape, attrs)
      const back = geometry && resultsFit(geometry, dy) ? backward(geometry) : null
      if (back === null || !isWhole(back)) return null
      const dx = backend.take(product(attrs.inputShape))
      convolve(backend, back, backend.values(dy), filter, { turned: true }, dx)
      return backend.output(dx, attrs.inputShape)
    },
  )
  registerNativeKernel<{ x: TensorInfo; dy: TensorInfo }, Attributes & { filterShape: number[] }>(
    'Conv2DBackpropFilter',
    ({ inputs: { x, dy }, attrs, backend }) => {
      if (!areFloats(x, dy)) return null
      const geometry = convolutionGeometry(x.shape, attrs.filterShape, attrs)
      if (geometry === null || !resultsFit(geometry, dy)) return null
      const dw = backend.take(product(attrs.filterShape))
      backend.addon.filterGradient(geometry, backend.direct, backend.values(x), backend.values(dy), dw)
      return backend.output(dw, attrs.filterShape)
    },
  )
}

function forward(
  backend: NativeBackend,
  x: TensorInfo,
  filter: TensorInfo,
  bias: TensorInfo | undefined,
  relu: boolean,
  attrs: Attributes,
): TensorInfo | null {
  if (!areFloats(x, filter, bias)) return null
  const geometry = convolutionGeometry(x.shape, filter.shape, attrs)
  const channels = filter.shape[3]
  if (geometry === null || (bias && !isRow(bias, channels))) return null
  const shape = [geometry[0], geometry[12], geometry[13], channels]
  const y = backend.take(product(shape))
  convolve(
    backend,
    geometry,
    backend.values(x),
    filter,
    { bias: bias ? backend.values(bias) : null, relu },
    y,
  )
  return backend.output(y, shape)
}

const product = (shape: readonly number[]): number => shape.reduce((total, length) => total * length, 1)
