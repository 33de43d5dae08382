import type { TensorInfo } from '@tensorflow/tfjs'
import { tf } from '../../tensorflow.ts'
import type { PoolGeometry } from './addon.ts'
import { areFloats, type KernelCall, registerNativeKernel, replaceKernel } from './kernels.ts'

interface Attributes {
  filterSize: [number, number] | number
  strides: [number, number] | number
  pad: 'valid' | 'same' | number
  dimRoundingMode?: 'floor' | 'round' | 'ceil'
}

export function registerPools(): void {
  registerEnlargement()
  registerNativeKernel<{ x: TensorInfo }, Attributes>('MaxPool', (call) => pool(call, false))
  registerNativeKernel<{ x: TensorInfo }, Attributes>('AvgPool', (call) => pool(call, true))
  registerNativeKernel<{ dy: TensorInfo; input: TensorInfo }, Attributes>(
    'MaxPoolGrad',
    ({ inputs: { dy, input }, attrs, backend }) => {
      const geometry = gradientGeometry(dy, input, attrs)
      if (geometry === null) return null
      const dx = backend.take(tf.util.sizeFromShape(input.shape))
      backend.addon.maxPoolGradient(geometry, backend.values(input), backend.values(dy), dx)
      return backend.output(dx, input.shape)
    },
  )
  registerNativeKernel<{ dy: TensorInfo; input: TensorInfo }, Attributes>(
    'AvgPoolGrad',
    ({ inputs: { dy, input }, attrs, backend }) => {
      const geometry = gradientGeometry(dy, input, attrs)
      if (geometry === null) return null
      const dx = backend.take(tf.util.sizeFromShape(input.shape))
      backend.addon.averagePoolGradient(geometry, backend.values(dy), dx)
      return backend.output(dx, input.shape)
    },
  )
  registerNativeKernel<
    { x: TensorInfo; mean: TensorInfo; variance: TensorInfo; offset?: TensorInfo; scale?: TensorInfo },
    { varianceEpsilon?: number }
  >('FusedBatchNorm', ({ inputs: { x, mean, variance, offset, scale }, attrs, backend }) => {
    const c = x.shape.at(-1) ?? 0
    const perChannel = [mean, variance, offset, scale].every(
      (tensor) => tensor === undefined || tensor === null || tf.util.sizeFromShape(tensor.shape) === c,
    )
    if (!perChannel || !areFloats(x, mean, variance)) return null
    const factor = new Float32Array(c)
    const shift = new Float32Array(c)
    const [m, v] = [backend.values(mean), backend.values(variance)]
    const gamma = scale ? backend.values(scale) : null
    const beta = offset ? backend.values(offset) : null
    for (let i = 0; i < c; i++) {
      factor[i] = (gamma?.[i] ?? 1) / Math.sqrt(v[i] + (attrs.varianceEpsilon ?? 0.001))
      shift[i] = (beta?.[i] ?? 0) - m[i] * factor[i]
    }
    const size = tf.util.sizeFromShape(x.shape)
    const y = backend.take(size)
    backend.addon.scaleShift(
      Int32Array.of(size / c, 1, 1, c),
      backend.values(x),
      factor,
      shift,
      false,
      false,
      y,
    )
    return backend.output(y, x.shape)
  })
}

/** Images made larger by whole numbers: a copy of a pixel's channels at a time, which JavaScript does as fast as C++. */
function registerEnlargement(): void {
  replaceKernel<
    { images: TensorInfo },
    { size: [number, number]; alignCorners: boolean; halfPixelCenters: boolean }
  >(
    'ResizeNearestNeighbor',
    ({ inputs: { images }, attrs: { size, alignCorners, halfPixelCenters }, backend }) => {
      const [n, h, w, c] = images.shape as [number, number, number, number]
      const [down, across] = [size[0] / h, size[1] / w]
      const whole = Number.isInteger(down) && Number.isInteger(across)
      if (!whole || alignCorners || halfPixelCenters || !areFloats(images)) return null
      const x = backend.values(images)
      const y = backend.take(n * size[0] * size[1] * c)
      for (let row = 0; row < n * size[0]; row++) {
        const from = Math.floor(row / size[0]) * h + Math.floor((row % size[0]) / down)
        for (let column = 0; column < size[1]; column++) {
          const at = (from * w + Math.floor(column / across)) * c
          y.set(x.subarray(at, at + c), (row * size[1] + column) * c)
        }
      }
      return backend.output(y, [n, ...size, c])
    },
  )
}

function pool(
  { inputs: { x }, attrs, backend }: KernelCall<{ x: TensorInfo }, Attributes>,
  average: boolean,
): TensorInfo | null {
  const geometry = areFloats(x) ? geometryOf(x.shape, attrs) : null
  if (geometry === null) return null
  const [n, h, w, c, kh, kw, , , , , oh, ow] = geometry
  // The cpu backend shows the images themselves then, whatever the padding and the strides.
  if (kh === 1 && kw === 1 && oh === h && ow === w) return null
  const shape = [n, oh, ow, c]
  const y = backend.take(tf.util.sizeFromShape(shape))
  backend.addon.poolForward(geometry, average, backend.values(x), y)
  return backend.output(y, shape)
}

/** tfjs does not tell the gradients how sizes were rounded: theirs may be others than dy's, and are the cpu backend's. */
function gradientGeometry(dy: TensorInfo, input: TensorInfo, attrs: Attributes): PoolGeometry | null {
  const geometry = areFloats(dy, input) ? geometryOf(input.shape, attrs) : null
  if (geometry === null) return null
  const [n, , , c, , , , , , , oh, ow] = geometry
  return tf.util.arraysEqual(dy.shape, [n, oh, ow, c]) ? geometry : null
}

function geometryOf(
  shape: readonly number[],
  { filterSize, strides, pad, dimRoundingMode }: Attributes,
): PoolGeometry | null {
  const info = tf.backend_util.computePool2DInfo(
    shape as [number, number, number, number],
    filterSize,
    strides,
    1,
    pad,
    dimRoundingMode,
  )
  const geometry = Int32Array.of(
    info.batchSize,
    info.inHeight,
    info.inWidth,
    info.inChannels,
    info.filterHeight,
    info.filterWidth,
    info.strideHeight,
    info.strideWidth,
    info.padInfo.top,
    info.padInfo.left,
    info.outHeight,
    info.outWidth,
  )
  return geometry.every((value, at) => value >= (at === 8 || at === 9 ? 0 : 1)) ? geometry : null
}
