import { tf } from '../../tensorflow.ts'
import type { NativeBackend } from './backend.ts'
import { backward, convolutionGeometry, convolve } from './convolution.ts'
import { inPlaceOf, registerConsumingGradient, tensorOf } from './fused-gradient.ts'
import { type KernelCall, registerFusedKernel } from './kernels.ts'

interface Attributes {
  relu: boolean
  pool: boolean
  biasGradient: boolean
}
type Inputs = { x: tf.TensorInfo; filter: tf.TensorInfo; bias: tf.TensorInfo }

/** Three names, because each saves something else for its gradient. */
export function registerFusedConvolutions(): void {
  registerFusedKernel('VggzooConvolution', forward)
  registerFusedKernel('VggzooConvolutionRelu', forward)
  registerFusedKernel('VggzooConvolutionPool', forward)
  registerConsumingGradient<Attributes>(
    'VggzooConvolution',
    { inputs: ['x', 'filter'], outputs: [false] },
    (dy, [x, filter], { biasGradient }, backend) => {
      const db = backend.take(filter.shape[3]!)
      if (biasGradient) {
        const rows = dy.size / db.length
        backend.addon.reluBiasGradient(rows, db.length, backend.values(dy), null, null, db)
      } else db.fill(0)
      return gradients(backend, x, filter, dy, db)
    },
  )
  registerConsumingGradient<Attributes>(
    'VggzooConvolutionRelu',
    { inputs: ['x', 'filter'], outputs: [true] },
    (dy, [x, filter, y], { biasGradient }, backend) => {
      const db = backend.take(filter.shape[3]!)
      const rows = dy.size / db.length
      const z = inPlaceOf(backend, dy, (from, to) =>
        backend.addon.reluBiasGradient(rows, db.length, from, backend.values(y), to, db),
      )
      if (!biasGradient) db.fill(0)
      y.dispose()
      return gradients(backend, x, filter, z, db)
    },
  )
  registerConsumingGradient<Attributes>(
    'VggzooConvolutionPool',
    { inputs: ['x', 'filter'], outputs: [false, true] },
    (dy, [x, filter, places], { biasGradient }, backend) => {
      const shape = [...x.shape.slice(0, 3), filter.shape[3]!]
      const db = backend.take(filter.shape[3]!)
      const z = backend.take(tf.util.sizeFromShape(shape))
      const from = backend.data.get(places.dataId).values as Uint8Array
      backend.addon.unpoolBiasGradient(Int32Array.from(shape), backend.values(dy), from, z, db)
      if (!biasGradient) db.fill(0)
      tf.dispose([dy, places])
      return gradients(backend, x, filter, tensorOf(backend, z, shape), db)
    },
  )
}

function forward({ inputs: { x, filter, bias }, attrs, backend }: KernelCall<Inputs, Attributes>) {
  const { relu, pool } = attrs
  const geometry = geometryOf(x, filter)
  const [n, h, w] = x.shape as [number, number, number]
  const shape = pool ? [n, h >> 1, w >> 1, filter.shape[3]!] : [n, h, w, filter.shape[3]!]
  const size = tf.util.sizeFromShape(shape)
  const y = backend.take(size)
  const places = pool ? backend.takeBytes(size) : null
  const options = { bias: backend.values(bias), relu, places }
  convolve(backend, geometry, backend.values(x), filter, options, y)
  const result = backend.output(y, shape)
  return places === null ? [result] : [result, backend.output(places, shape, 'bool')]
}

/** From z, the gradient before ReLU and pool; it and x are disposed with the last of the gradients that need them. */
function gradients(
  backend: NativeBackend,
  x: tf.Tensor,
  filter: tf.Tensor,
  z: tf.Tensor,
  db: Float32Array,
): Record<string, () => tf.Tensor> {
  const geometry = geometryOf(x, filter)
  const biasGradient = tensorOf(backend, db, [db.length])
  return {
    x: () => {
      const dx = backend.take(x.size)
      convolve(backend, backward(geometry), backend.values(z), filter, { turned: true }, dx)
      return tensorOf(backend, dx, x.shape)
    },
    filter: () => {
      const dw = backend.take(filter.size)
      backend.addon.filterGradient(geometry, backend.direct, backend.values(x), backend.values(z), dw)
      tf.dispose([x, z])
      return tensorOf(backend, dw, filter.shape)
    },
    bias: () => biasGradient,
  }
}

function geometryOf(x: tf.TensorInfo, filter: tf.TensorInfo) {
  const attributes = { strides: 1, pad: 'same', dataFormat: 'NHWC' } as const
  const geometry = convolutionGeometry(x.shape, filter.shape, attributes)
  if (geometry === null) throw new Error(`No convolution of [${x.shape}] with a filter [${filter.shape}].`)
  return geometry
}
